//! Buckets of durations: the histograms are log-linear.

/// How many buckets of [`bucket`] there are.
pub const BUCKETS: u32 = 256;

/// The bucket of a duration in nanoseconds: four to each power of two.
pub const fn bucket(ns: u64) -> u32 {
    if ns < 4 {
        return ns as u32;
    }
    let log = ns.ilog2();
    log * 4 + ((ns >> (log - 2)) & 3) as u32
}

/// The logarithm, to base 2 and rounded down, of the durations in a bucket.
pub const fn bucket_log(bucket: u32) -> u64 {
    (bucket / 4) as u64
}

/// The shortest duration, in nanoseconds, that falls into a bucket (below [`BUCKETS`]).
/// Buckets 4 to 7 are empty.
pub const fn bucket_floor(bucket: u32) -> u64 {
    match bucket {
        0..4 => bucket as u64,
        4..8 => 4,
        _ => {
            let log = bucket / 4;
            (1 << log) + ((bucket as u64 % 4) << (log - 2))
        }
    }
}

const _: () = {
    let mut bucket = 8;
    while bucket < BUCKETS {
        assert!(self::bucket(bucket_floor(bucket)) == bucket);
        assert!(bucket_log(bucket) == bucket_floor(bucket).ilog2() as u64);
        bucket += 1;
    }
    assert!(BUCKETS - 1 == self::bucket(u64::MAX));
};
