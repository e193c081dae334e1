//! Follows an address of the kernel as if it were the program's own memory.
#![no_std]
#![no_main]

use aya_ebpf::{EbpfContext as _, macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(ctx: RawTracePointContext) -> i32 {
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let registers = unsafe { *ctx.as_ptr().cast::<*const u64>() };
    // SAFETY: unsound: this is the kernel's memory.
    let first = unsafe { *registers }; //~ ERROR number-as-pointer
    core::hint::black_box(first);
    0
}
