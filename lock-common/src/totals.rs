//! What ended waits come to.

use crate::{BUCKETS, Outcome, Plain, WaitKind};

/// How many buckets a row of totals has: two powers of two. A row for each bucket would be
/// three times as many rows, a row for all a cache line for each half dozen.
pub const ROW_BUCKETS: usize = 8;

/// How many rows of totals have the same fast slot.
pub const FAST_WAYS: usize = 4;

/// How many fast slots lie together. They have 10 kB; the kernel gives an element of a per-CPU
/// array 32 kB at most (`PCPU_MIN_UNIT_SIZE` in `include/linux/percpu.h`), and finds the way to
/// each by a pointer of its own, which shall stay in the CPU's cache.
pub const FAST_SETS: usize = 32;

/// How many of these each CPU has: half for kernel locks, half for user locks. 320 kB: thousands
/// of rows, as many as a busy program has. In a hash table a look takes longer.
pub const FAST_PORTIONS: usize = 32;

/// How many fast slots each CPU has for locks of either kind.
pub const FAST_SLOTS: usize = FAST_PORTIONS / 2 * FAST_SETS;

shared! {
    /// Key of [`Totals`].
    pub struct TotalsKey {
        /// The lock's address. Zero: one of those beyond the bound of the table.
        pub lock: u64,
        /// The process, for a user lock; else zero.
        pub tgid: u32,
        /// Kind, outcome and buckets.
        pub kind: RowKind,
    }

    /// What waits come to that have everything in [`TotalsKey`] in common, on one CPU: a
    /// cache line.
    pub struct Totals {
        /// How many, by the bucket within the row. They begin again at zero after 2^32.
        pub counts: [u32; ROW_BUCKETS],
        /// Their time together, in nanoseconds.
        pub total_ns: u64,
        /// Of this, spinning for a kernel mutex, or waiting for a CPU after having been
        /// woken, in nanoseconds.
        pub part_ns: u64,
        /// The shortest, in nanoseconds, at least 1; zero if there is none.
        pub min_ns: u64,
        /// The longest, in nanoseconds.
        pub max_ns: u64,
    }

    /// Rows of totals with the same fast slot. A free one has a key of zeros.
    pub struct FastSet {
        /// What they are of: a cache line.
        pub keys: [TotalsKey; FAST_WAYS],
        /// What they come to.
        pub totals: [Totals; FAST_WAYS],
    }

    /// Fast slots that lie together.
    pub struct FastSets {
        /// By the lower bits of their numbers.
        pub sets: [FastSet; FAST_SETS],
    }
}

/// What a row counts. A call for a lock sleeps once, or several times in a row: it is woken, finds
/// the lock taken, and sleeps again.
///
/// Sleeps are the rows [`FIRST`](Self::FIRST) and [`AGAIN`](Self::AGAIN). Calls are the rows
/// [`FIRST`](Self::FIRST) and [`CALL`](Self::CALL), less [`BEFORE`](Self::BEFORE): whether a
/// call sleeps once more is not known before it does. So both are exact at any time, whatever
/// call is under way.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally(u32);

impl Tally {
    /// First sleeps of calls, and sleeps that ended without the lock.
    pub const FIRST: Self = Self(0);
    /// Further sleeps of calls.
    pub const AGAIN: Self = Self(1);
    /// Calls of several sleeps, from the begin of the first sleep to the end of the latest.
    pub const CALL: Self = Self(2);
    /// What these calls were counted as before their latest sleep. The outcome of such a row is
    /// that of the latest sleep.
    pub const BEFORE: Self = Self(3);
}

/// What the waits of a row have in common beside the lock: their kind, their outcome, what is
/// counted, and [`ROW_BUCKETS`] successive buckets of durations.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowKind(u32);

// SAFETY: transparent over an integer.
unsafe impl Plain for RowKind {}

impl RowKind {
    const OUTCOME_SHIFT: u32 = 16;
    const TALLY_SHIFT: u32 = 20;
    const ROW_SHIFT: u32 = 24;

    /// The row of a wait, by the [`bucket`](crate::bucket) of its duration.
    #[inline]
    pub const fn new(kind: WaitKind, outcome: Outcome, tally: Tally, bucket: u32) -> Self {
        let row = bucket / ROW_BUCKETS as u32;
        Self(
            kind.to_bits()
                | outcome.to_bits() << Self::OUTCOME_SHIFT
                | tally.0 << Self::TALLY_SHIFT
                | row << Self::ROW_SHIFT,
        )
    }

    /// The kind of the waits.
    #[inline]
    pub const fn kind(self) -> WaitKind {
        WaitKind::from_bits(self.0)
    }

    /// Their outcome.
    #[inline]
    pub const fn outcome(self) -> Outcome {
        Outcome::from_bits(self.0 >> Self::OUTCOME_SHIFT & 0xf)
    }

    /// What is counted.
    #[inline]
    pub const fn tally(self) -> Tally {
        Tally(self.0 >> Self::TALLY_SHIFT & 0xf)
    }

    /// The first of the row's buckets.
    #[inline]
    pub const fn first_bucket(self) -> u32 {
        (self.0 >> Self::ROW_SHIFT) * ROW_BUCKETS as u32
    }

    /// The index of a [`bucket`](crate::bucket) within its row.
    #[inline]
    pub const fn index_of(bucket: u32) -> usize {
        bucket as usize % ROW_BUCKETS
    }
}

const _: () = assert!(
    BUCKETS as usize / ROW_BUCKETS <= 1 << (u32::BITS - RowKind::ROW_SHIFT),
    "the number of a row does not fit"
);

impl TotalsKey {
    /// All but the lock, as the eight bytes behind it.
    #[inline]
    pub const fn rest(self) -> u64 {
        (self.kind.0 as u64) << 32 | self.tgid as u64
    }

    /// A hash for the index of a fast slot, in the lower 32 bits.
    #[inline]
    pub const fn hash(self) -> u32 {
        let mixed = self.lock ^ self.rest().rotate_left(20);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
    }
}

impl Totals {
    /// The totals of nothing.
    pub const ZERO: Self = Self {
        counts: [0; ROW_BUCKETS],
        total_ns: 0,
        part_ns: 0,
        min_ns: 0,
        max_ns: 0,
    };
}

impl FastSets {
    /// The rows that are taken.
    pub fn rows(&self) -> impl Iterator<Item = (&TotalsKey, &Totals)> {
        self.sets
            .iter()
            .flat_map(|set| set.keys.iter().zip(&set.totals))
            .filter(|(key, _)| key.lock != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bucket, bucket_floor};

    #[test]
    fn rows_survive_a_round_trip() {
        let kinds = [
            WaitKind::kernel(0),
            WaitKind::kernel(crate::flag::MUTEX),
            WaitKind::futex(9, 2).private().realtime(),
            WaitKind::futex(WaitKind::FUTEX2_WAIT, 4711),
        ];
        let outcomes = [
            Outcome::ACQUIRED,
            Outcome::TIMED_OUT,
            Outcome::INTERRUPTED,
            Outcome::FAILED,
        ];
        let tallies = [Tally::FIRST, Tally::AGAIN, Tally::CALL, Tally::BEFORE];
        for kind in kinds {
            for (outcome, tally) in outcomes
                .into_iter()
                .flat_map(|outcome| tallies.map(|tally| (outcome, tally)))
            {
                for bucket in 0..BUCKETS {
                    let row = RowKind::new(kind, outcome, tally, bucket);
                    assert_eq!((row.kind(), row.outcome()), (kind, outcome));
                    assert_eq!(row.tally(), tally);
                    let index = RowKind::index_of(bucket) as u32;
                    assert_eq!(row.first_bucket() + index, bucket);
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_buckets_of_its_durations() {
        let row = RowKind::new(
            WaitKind::kernel(1),
            Outcome::ACQUIRED,
            Tally::FIRST,
            bucket(1_000),
        );
        assert!(bucket_floor(row.first_bucket()) <= 1_000);
        assert!(bucket_floor(row.first_bucket() + ROW_BUCKETS as u32) > 1_000);
    }
}
