//! Loops until a condition that may never become true.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn wait(_: RawTracePointContext) -> i32 {
    // SAFETY: the helper has no arguments and cannot fail.
    while unsafe { bpf_ktime_get_ns() } % 1024 != 0 {} //~ ERROR unbounded-loop
    0
}
