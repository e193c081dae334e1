//! `unbounded-loop` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn wait(_: RawTracePointContext) -> i32 {
    for _ in 0..64 {
        // SAFETY: the helper has no arguments and cannot fail.
        if unsafe { bpf_ktime_get_ns() } % 1024 == 0 {
            break;
        }
    }
    0
}
