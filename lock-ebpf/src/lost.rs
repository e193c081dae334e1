//! Counters: every event ends in exactly one, or in the totals.
//!
//! Plain additions to values of a CPU are exact, here and in the totals, because the
//! kernel does not enter a program again on the same CPU: it counts that as a recursion
//! miss. Linux 5.19 and 6.0 have no such guard for tracepoints yet. There an interrupt can
//! undo an addition, and the account in the report says so when it happens.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use lock_common::{COUNTERS, Counter};

/// Counter -> how often, on this CPU.
#[btf_map]
static COUNTS: PerCpuArray<u64, COUNTERS> = PerCpuArray::new();

/// Adds one.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(count) = COUNTS.get_ptr_mut(counter as u32) {
        // SAFETY: a slot of this CPU in a live map. Only one program adds to a counter,
        // and the kernel does not enter a program again on the same CPU.
        unsafe { *count += 1 };
    }
}
