//! Gives a helper an address of the kernel where it takes a pointer to the program's own
//! memory.
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
    let value = 0u64;
    // SAFETY: unsound: destination and source are exchanged.
    unsafe { bpf_probe_read_kernel(registers.cast(), 8, (&raw const value).cast()) as i32 } //~ ERROR wrong-argument-type
}
