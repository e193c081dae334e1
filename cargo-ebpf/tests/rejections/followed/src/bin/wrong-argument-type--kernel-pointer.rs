//! `wrong-argument-type--kernel-pointer` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn enter(_: RawTracePointContext) -> i32 {
    // SAFETY: the pointer is that of the current task.
    unsafe {
        let task = bpf_get_current_task_btf();
        let registers = bpf_task_pt_regs(task);
        (registers != 0) as i32
    }
}
//@ since: 5.15
