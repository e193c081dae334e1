//! `wrong-argument-type--constant-string` of `../programs` with its hint followed.
//@ since: 5.13
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, generated::bpf_snprintf},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

static FORMAT: [u8; 8] = *b"pid %d\0\0";

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn format(_: RawTracePointContext) -> i32 {
    let mut text = [0u8; 32];
    let mut values = [bpf_get_current_pid_tgid() >> 32];
    // SAFETY: the format is constant, and ends with a zero.
    unsafe {
        bpf_snprintf(
            text.as_mut_ptr().cast(),
            32,
            FORMAT.as_ptr().cast(),
            values.as_mut_ptr(),
            8,
        ) as i32
    }
}
