//! What ended waits come to: a row for each lock, way of ending, and two powers of two
//! of durations, on each CPU. So one look into one table adds to the count, the total, the extremes and
//! the histogram of a lock.

use aya_ebpf::{bindings::BPF_NOEXIST, btf_maps::PerCpuHashMap, macros::btf_map};
use lock_common::{ROW_BUCKETS, Totals, TotalsKey, bucket};

/// What the waits were for -> totals, on this CPU.
#[btf_map]
static LOCK_TOTALS: PerCpuHashMap<TotalsKey, Totals, 16384> = PerCpuHashMap::new();

/// The same for locks that have no row above. Their address is zero.
#[btf_map]
static OTHER_TOTALS: PerCpuHashMap<TotalsKey, Totals, 4096> = PerCpuHashMap::new();

/// A wait that ended.
#[derive(Clone, Copy)]
pub struct Ended {
    pub lock: u64,
    /// For user locks; else zero.
    pub tgid: u32,
    /// One of `lock_common::what`.
    pub what: u32,
    /// One of `lock_common::outcome`.
    pub outcome: u32,
    pub wait_ns: u64,
    /// Of this, spinning for a mutex, or waiting for a CPU.
    pub part_ns: u64,
}

/// Adds a wait. False if there is no row for it, not even one for other locks.
#[inline(always)] // Once in each program that ends waits.
pub fn add(ended: Ended) -> bool {
    let Ended {
        lock,
        tgid,
        what,
        outcome,
        wait_ns,
        ..
    } = ended;
    let own = TotalsKey {
        lock,
        tgid,
        kind: what | outcome << 16 | (bucket(wait_ns) / ROW_BUCKETS as u32) << 24,
    };
    if let Some(row) = LOCK_TOTALS.get_ptr_mut(own) {
        add_to(row, ended);
        return true;
    }
    if LOCK_TOTALS
        .insert(own, first(ended), BPF_NOEXIST.into())
        .is_ok()
    {
        return true;
    }
    // Another CPU may have been first.
    if let Some(row) = LOCK_TOTALS.get_ptr_mut(own) {
        add_to(row, ended);
        return true;
    }
    let other = TotalsKey {
        lock: 0,
        tgid: 0,
        kind: own.kind,
    };
    if OTHER_TOTALS.get_ptr(other).is_none() {
        let _ = OTHER_TOTALS.insert(other, Totals::ZERO, BPF_NOEXIST.into());
    }
    match OTHER_TOTALS.get_ptr_mut(other) {
        Some(row) => {
            add_to(row, ended);
            true
        }
        None => false,
    }
}

/// The row of one wait.
#[inline(always)] // Its one caller is inlined.
fn first(ended: Ended) -> Totals {
    let mut row = Totals::ZERO;
    add_to(&mut row, ended);
    row
}

#[inline(always)] // Its callers are inlined.
fn add_to(row: *mut Totals, ended: Ended) {
    let place = bucket(ended.wait_ns) as usize % ROW_BUCKETS;
    let wait_ns = ended.wait_ns.max(1);
    // SAFETY: a row of this CPU in a live map, rows are never deleted, and only one
    // program, which the kernel does not enter again on the same CPU, writes to those of
    // kernel locks, and one to those of user locks.
    let row = unsafe { &mut *row };
    if row.min_ns == 0 || wait_ns < row.min_ns {
        row.min_ns = wait_ns;
    }
    if wait_ns > row.max_ns {
        row.max_ns = wait_ns;
    }
    row.counts[place] += 1;
    row.total_ns += ended.wait_ns;
    row.part_ns += ended.part_ns;
}
