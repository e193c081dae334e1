//! What ended waits come to. Exact also for waits whose stack was lost: these have
//! rows of their own, one a lock type, which always exist.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    btf_maps::{PerCpuArray, PerCpuHashMap},
    macros::btf_map,
};
use lock_common::{LOCK_TYPES, NO_STACK, Totals, TotalsKey};

/// (lock type, stack id) -> totals, on this CPU.
#[btf_map]
static STACK_TOTALS: PerCpuHashMap<TotalsKey, Totals, 8192> = PerCpuHashMap::new();

/// Lock type -> totals of the waits without a stack, on this CPU.
#[btf_map]
static TYPE_TOTALS: PerCpuArray<Totals, { LOCK_TYPES as usize }> = PerCpuArray::new();

/// Makes sure that there is a row, so that a wait's end, which runs while the lock is
/// held, has only to add to it. False if the table is full.
#[inline(always)] // Its one caller is the program itself.
pub fn prepare(key: TotalsKey) -> bool {
    STACK_TOTALS.get_ptr(key).is_some()
        || STACK_TOTALS
            .insert(key, Totals::ZERO, BPF_NOEXIST.into())
            .is_ok()
        // Another CPU may have been first.
        || STACK_TOTALS.get_ptr(key).is_some()
}

/// Adds a wait that ended.
#[inline(always)] // Its one caller is the program itself.
pub fn add(key: TotalsKey, wait_ns: u64, acquired: bool) {
    let row = match key.stack {
        NO_STACK => None,
        _ => STACK_TOTALS.get_ptr_mut(key),
    };
    let Some(row) = row.or_else(|| TYPE_TOTALS.get_ptr_mut(key.lock_type)) else {
        return;
    };
    // SAFETY: a row of this CPU in a live map, rows are never deleted, and only one
    // program, which the kernel does not enter again on the same CPU, writes to them.
    let row = unsafe { &mut *row };
    if acquired {
        if row.acquired == 0 || wait_ns < row.min_ns {
            row.min_ns = wait_ns;
        }
        if wait_ns > row.max_ns {
            row.max_ns = wait_ns;
        }
        row.acquired += 1;
        row.total_ns += wait_ns;
    } else {
        row.not_acquired += 1;
        row.not_acquired_ns += wait_ns;
    }
}
