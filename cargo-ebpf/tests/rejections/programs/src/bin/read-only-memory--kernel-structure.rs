//! Writes to a task.
#![no_std]
#![no_main]

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use rejections as _;

rejections::license!();

#[btf_tracepoint(function = "sched_process_fork")]
pub fn mark(ctx: BtfTracePointContext) -> i32 {
    let child: *mut u64 = ctx.arg(1);
    // SAFETY: unsound: the task is the kernel's.
    unsafe { *child.add(4) = 1 }; //~ ERROR read-only-memory
    0
}
