//! `wrong-argument-type` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_probe_read_kernel, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(ctx: RawTracePointContext) -> i32 {
    // SAFETY: the context of a raw tracepoint starts with its first argument.
    let registers = unsafe { *ctx.as_ptr().cast::<*mut u64>() };
    let mut value = 0u64;
    // SAFETY: reading an invalid address returns an error.
    unsafe { bpf_probe_read_kernel((&raw mut value).cast(), 8, registers.cast()) as i32 }
}
