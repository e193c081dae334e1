//! `sleeping-helper` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, helpers::bpf_probe_read_user, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(ctx: RawTracePointContext) -> i32 {
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let address = unsafe { *ctx.as_ptr().cast::<*const core::ffi::c_void>().add(1) };
    // SAFETY: reading an invalid address returns an error.
    let value: Result<u64, _> = unsafe { bpf_probe_read_user(address.cast()) };
    value.is_ok() as i32
}
