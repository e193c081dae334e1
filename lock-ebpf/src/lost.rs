//! Counters: every event ends in exactly one, or in the totals.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use lock_common::{COUNTERS, Counter};

/// Counter -> how often, on this CPU.
#[btf_map]
static COUNTS: PerCpuArray<u64, COUNTERS> = PerCpuArray::new();

/// Adds one.
#[inline(always)] // A call would cost more than the addition.
pub fn count(counter: Counter) {
    if let Some(count) = COUNTS.get_ptr_mut(counter as u32) {
        // SAFETY: a place of this CPU in a live map. Only one program adds to a counter,
        // and the kernel does not enter a program again on the same CPU.
        unsafe { *count += 1 };
    }
}
