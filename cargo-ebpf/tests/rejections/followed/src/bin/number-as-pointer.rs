//! `number-as-pointer` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, helpers::bpf_probe_read_kernel, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(ctx: RawTracePointContext) -> i32 {
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let registers = unsafe { *ctx.as_ptr().cast::<*const u64>() };
    // SAFETY: reading an invalid address returns an error.
    let Ok(first) = (unsafe { bpf_probe_read_kernel(registers) }) else {
        return 0;
    };
    core::hint::black_box(first);
    0
}
