//! Passes a task that is a number to the verifier where a typed pointer is required.
//@ elsewhere: unknown-function 5.10
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::generated::{bpf_get_current_task, bpf_task_pt_regs},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn enter(_: RawTracePointContext) -> i32 {
    // SAFETY: unsound: the address of a task has no type.
    unsafe {
        let task = bpf_get_current_task();
        let registers = bpf_task_pt_regs(task as *mut _); //~ ERROR wrong-argument-type
        //~^ ERROR unknown-function
        (registers != 0) as i32
    }
}
