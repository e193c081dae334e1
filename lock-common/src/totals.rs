//! What ended waits come to.

/// How many buckets a row of totals has: two powers of two. A row for each bucket would be
/// three times as many rows, a row for all a cache line for each half dozen.
pub const ROW_BUCKETS: usize = 8;

/// How many rows of totals have the same quick place.
pub const QUICK_WAYS: usize = 4;

/// How many quick places lie together. They have 10 kB; the kernel gives an element of a per-CPU
/// array 32 kB at most (`PCPU_MIN_UNIT_SIZE` in `include/linux/percpu.h`), and finds the way to
/// each by a pointer of its own, which shall stay in the CPU's cache.
pub const QUICK_SETS: usize = 32;

/// How many of these each CPU has: half for kernel locks, half for user locks. 320 kB: thousands
/// of rows, as many as a busy program has. In a hash table a look takes longer.
pub const QUICK_PORTIONS: usize = 32;

/// How many quick places each CPU has for locks of either kind.
pub const QUICK_PLACES: usize = QUICK_PORTIONS / 2 * QUICK_SETS;

shared! {
    /// Key of [`Totals`].
    pub struct TotalsKey {
        /// The lock's address. Zero: one of those beyond the bound of the table.
        pub lock: u64,
        /// The process, for a user lock; else zero.
        pub tgid: u32,
        /// One of [`what`](crate::what) | [`outcome`](crate::outcome) << 16 |
        /// ([`bucket`](crate::bucket) / [`ROW_BUCKETS`]) << 24.
        pub kind: u32,
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

    /// Rows of totals with the same quick place. A free one has a key of zeros.
    pub struct QuickSet {
        /// What they are of: a cache line.
        pub keys: [TotalsKey; QUICK_WAYS],
        /// What they come to.
        pub totals: [Totals; QUICK_WAYS],
    }

    /// Quick places that lie together.
    pub struct QuickSets {
        /// By the lower bits of their numbers.
        pub sets: [QuickSet; QUICK_SETS],
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

impl QuickSets {
    /// The rows that are taken.
    pub fn rows(&self) -> impl Iterator<Item = (&TotalsKey, &Totals)> {
        self.sets
            .iter()
            .flat_map(|set| set.keys.iter().zip(&set.totals))
            .filter(|(key, _)| key.lock != 0)
    }
}
