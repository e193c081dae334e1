//! Passes a length without bounds to a helper.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_probe_read_user_str, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(ctx: RawTracePointContext) -> i32 {
    let mut name = [0u8; 16];
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let length = unsafe { *ctx.as_ptr().cast::<u64>().add(1) } as u32;
    // SAFETY: unsound: the length may be larger than the buffer.
    unsafe {
        bpf_probe_read_user_str(name.as_mut_ptr().cast(), length, core::ptr::null()) as i32 //~ ERROR unbounded-size
    }
}
