//! Reads an argument that the tracepoint does not have.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::Array,
    macros::{btf_map, btf_tracepoint},
    programs::BtfTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EXITED: Array<u64, 1> = Array::new();

#[btf_tracepoint(function = "sched_process_exit")]
pub fn exited(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(3); //~ ERROR context-access
    EXITED.set(0, task as u64, 0).is_err().into()
}
