//! Passes a format that is on the stack.
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, generated::bpf_snprintf},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn format(_: RawTracePointContext) -> i32 {
    let mut text = [0u8; 32];
    let format = core::hint::black_box(*b"pid %d\0\0");
    let mut values = [bpf_get_current_pid_tgid() >> 32];
    // SAFETY: unsound: the format can change.
    unsafe {
        bpf_snprintf( //~ ERROR wrong-argument-type
            text.as_mut_ptr().cast(), //~^ ERROR unknown-function
            32,
            format.as_ptr().cast(),
            values.as_mut_ptr(),
            8,
        ) as i32
    }
}

//@ elsewhere: unknown-function 5.10
