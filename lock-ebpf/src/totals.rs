//! What ended waits come to: a row for each lock, way of ending, and two powers of two
//! of durations, on each CPU. So one look into one table adds to the count, the total, the extremes and
//! the histogram of a lock.
//!
//! The first rows of a CPU are in an array, each at one of two places that its key tells. What
//! finds both taken is in a hash table, where a look takes longer. A row stays where it is, so
//! that the two together are exact.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    Global,
    bindings::BPF_NOEXIST,
    btf_maps::{PerCpuArray, PerCpuHashMap},
    macros::btf_map,
};
use lock_common::{QUICK_ROWS, QuickRow, ROW_BUCKETS, Totals, TotalsKey, bucket, what};

/// Number of a place -> the row there, on this CPU.
#[btf_map]
static QUICK_TOTALS: PerCpuArray<QuickRow, QUICK_ROWS> = PerCpuArray::new();

/// One less than how many of the places are used for kernel locks, and as many for user locks: a
/// power of two. Set by the loader, so that they are few where few rows are wanted.
#[unsafe(no_mangle)]
static QUICK_MASK: Global<u32> = Global::new(QUICK_ROWS as u32 / 2 - 1);

/// What the waits were for -> totals, on this CPU, where the places above were taken.
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
    let place = first_place(own);
    if let Some(row) = quick_row(place, own).or_else(|| quick_row(place ^ 1, own)) {
        add_to(row, ended);
        return true;
    }
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

/// The first of a key's two quick places: they are neighbours.
#[inline(always)] // Some instructions.
fn first_place(key: TotalsKey) -> u32 {
    const HALF: u32 = QUICK_ROWS as u32 / 2;
    let mixed = key.lock ^ u64::from(key.kind) << 32 ^ u64::from(key.tgid) << 20;
    let hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let place = hash as u32 & QUICK_MASK.load();
    // The programs that end waits for kernel and for user locks can interrupt each other.
    if key.kind & what::USER != 0 {
        place | HALF
    } else {
        place
    }
}

/// The row at a place, if it is that of the key, or free: then it is from now on.
#[inline(always)] // Its callers are inlined.
fn quick_row(place: u32, key: TotalsKey) -> Option<*mut Totals> {
    let row = QUICK_TOTALS.get_ptr_mut(place)?;
    // SAFETY: a live value of this CPU, of which one program takes the places.
    unsafe {
        let known = &raw mut (*row).key;
        let rest = read_volatile((&raw const (*known).tgid).cast::<u64>());
        let own_rest = u64::from(key.kind) << 32 | u64::from(key.tgid);
        let lock = read_volatile(&raw const (*known).lock);
        if lock == 0 && rest == 0 {
            write_volatile((&raw mut (*known).tgid).cast::<u64>(), own_rest);
            // User space takes the place for free until the lock is there.
            write_volatile(&raw mut (*known).lock, key.lock);
        } else if lock != key.lock || rest != own_rest {
            return None;
        }
        Some(&raw mut (*row).totals)
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
