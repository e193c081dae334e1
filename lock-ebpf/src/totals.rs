//! What ended waits come to: a row for each lock, way of ending, and two powers of two
//! of durations, on each CPU. So one look into one table adds to the count, the total, the
//! extremes and the histogram of a lock.
//!
//! The first rows of a CPU are in an array, in slots that their keys select, some rows per slot.
//! What finds its slot full is in a hash table, where a look takes longer. A row stays where it
//! is, so that the two together are exact.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    Global,
    bindings::BPF_NOEXIST,
    btf_maps::{PerCpuArray, PerCpuHashMap},
    macros::btf_map,
};
use lock_common::{
    FAST_PORTIONS, FAST_SETS, FAST_SLOTS, FAST_WAYS, FastSets, Outcome, RowKind, Tally, Totals,
    TotalsKey, WaitKind, bucket,
};

/// Upper bits of a slot's number -> the rows of the slots that have them, on this CPU.
#[btf_map]
static FAST_TOTALS: PerCpuArray<FastSets, FAST_PORTIONS> = PerCpuArray::new();

/// One less than how many slots are used for kernel locks, and as many for user locks: a
/// power of two. Set by the loader, so that they are few where few rows are wanted.
#[unsafe(no_mangle)]
static FAST_MASK: Global<u32> = Global::new(FAST_SLOTS as u32 - 1);

/// What the waits were for -> totals, on this CPU, where the slots above were taken.
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
    pub kind: WaitKind,
    pub outcome: Outcome,
    pub tally: Tally,
    pub wait_ns: u64,
    /// The [`bucket`](lock_common::bucket) of `wait_ns`: it takes 30 instructions to tell.
    pub bucket: u32,
    /// Of this, spinning for a mutex, or waiting for a CPU.
    pub part_ns: u64,
}

/// Adds a wait. False if there is no row for it, not even one for other locks.
#[inline(always)]
pub fn add(ended: Ended) -> bool {
    let Ended {
        lock,
        tgid,
        kind,
        outcome,
        tally,
        bucket,
        ..
    } = ended;
    let own = TotalsKey {
        lock,
        tgid,
        kind: RowKind::new(kind, outcome, tally, bucket),
    };
    let Some(row) = row_of(own) else {
        return false;
    };
    add_to(row, ended);
    true
}

/// Adds a sleep to the rows of calls: what is counted of its call replaces what was before.
#[inline(never)] // Few sleeps are not the first of their call, and the rows' code is large.
pub fn add_call(sleep: &Ended, before_ns: u64, call_ns: u64) -> bool {
    let row = |tally, wait_ns| {
        add(Ended {
            tally,
            wait_ns,
            bucket: bucket(wait_ns),
            // That of its sleeps.
            part_ns: 0,
            ..*sleep
        })
    };
    let replaced = row(Tally::BEFORE, before_ns);
    // A call that ended without the lock has the row of its latest sleep.
    sleep.outcome != Outcome::ACQUIRED || replaced & row(Tally::CALL, call_ns)
}

/// The row of a key, or that of all those without one.
#[inline(always)]
fn row_of(own: TotalsKey) -> Option<*mut Totals> {
    fast_row(own)
        .or_else(|| LOCK_TOTALS.get_ptr_mut(own))
        .or_else(|| {
            // Another CPU may be first.
            let _ = LOCK_TOTALS.insert(own, Totals::ZERO, BPF_NOEXIST.into());
            LOCK_TOTALS.get_ptr_mut(own)
        })
        .or_else(|| {
            let other = TotalsKey {
                lock: 0,
                tgid: 0,
                kind: own.kind,
            };
            if OTHER_TOTALS.get_ptr(other).is_none() {
                let _ = OTHER_TOTALS.insert(other, Totals::ZERO, BPF_NOEXIST.into());
            }
            OTHER_TOTALS.get_ptr_mut(other)
        })
}

/// The row of a key at its fast slot, or one that is free there: then it is its row from now on.
#[inline(always)]
fn fast_row(key: TotalsKey) -> Option<*mut Totals> {
    let rest = key.rest();
    let slot = key.hash() & FAST_MASK.load();
    let portion = slot / FAST_SETS as u32;
    // The programs that end waits for kernel and for user locks can interrupt each other.
    let portion = if key.kind.kind().is_user() {
        portion + FAST_PORTIONS as u32 / 2
    } else {
        portion
    };
    let sets = FAST_TOTALS.get_ptr_mut(portion)?;
    // SAFETY: an index below FAST_SETS, in a live value of this CPU.
    let set = unsafe { &raw mut (*sets).sets[slot as usize % FAST_SETS] };
    for way in 0..FAST_WAYS {
        // SAFETY: way < FAST_WAYS, in a live value of this CPU, of which one program takes
        // the slots.
        unsafe {
            let known = &raw mut (*set).keys[way];
            let known_rest = (&raw mut (*known).tgid).cast::<u64>();
            let lock = read_volatile(&raw const (*known).lock);
            if lock == 0 {
                write_volatile(known_rest, rest);
                // User space considers the slot free until the lock is there.
                write_volatile(&raw mut (*known).lock, key.lock);
            } else if lock != key.lock || read_volatile(known_rest) != rest {
                continue;
            }
            return Some(&raw mut (*set).totals[way]);
        }
    }
    None
}

#[inline(always)]
fn add_to(row: *mut Totals, ended: Ended) {
    let index = RowKind::index_of(ended.bucket);
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
    row.counts[index] += 1;
    row.total_ns += ended.wait_ns;
    row.part_ns += ended.part_ns;
}
