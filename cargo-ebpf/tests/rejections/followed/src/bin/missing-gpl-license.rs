//! `missing-gpl-license` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::bpf_ktime_get_ns, helpers::generated::bpf_probe_read_kernel, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!(b"Dual MIT/GPL\0");

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn read(_: RawTracePointContext) -> i32 {
    let mut value = 0u64;
    // SAFETY: the helper has no arguments and cannot fail.
    let address = unsafe { bpf_ktime_get_ns() };
    // SAFETY: reading an invalid address returns an error.
    unsafe { bpf_probe_read_kernel((&raw mut value).cast(), 8, address as *const _) as i32 }
}
