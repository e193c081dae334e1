//! The clock that all times are read from.

use aya_ebpf::helpers::bpf_ktime_get_ns;

/// CLOCK_MONOTONIC, in nanoseconds.
#[inline(always)]
pub fn now_ns() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}
