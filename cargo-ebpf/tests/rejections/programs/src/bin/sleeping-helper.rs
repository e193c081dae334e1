//! Calls a helper that may sleep in a program that must not.
//@ elsewhere: helper-not-allowed 5.10
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_copy_from_user, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(ctx: RawTracePointContext) -> i32 {
    let mut value = 0u64;
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let address = unsafe { *ctx.as_ptr().cast::<*const core::ffi::c_void>().add(1) };
    // SAFETY: reading an invalid address returns an error.
    unsafe { bpf_copy_from_user((&raw mut value).cast(), 8, address) as i32 } //~ ERROR sleeping-helper
} //~^ ERROR helper-not-allowed
