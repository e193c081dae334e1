//! Refused: a loop that never ends, after some code that makes a long log.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::raw_tracepoint, programs::RawTracePointContext};
use verify_fixtures as _;

verify_fixtures::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn endless(_: RawTracePointContext) -> i32 {
    // SAFETY: the helper has no arguments and cannot fail.
    while unsafe { bpf_ktime_get_ns() } != 0 {}
    0
}
