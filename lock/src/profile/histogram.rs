//! Durations in log-linear buckets: four to each power of two, so that a bucket is at most
//! a quarter of its lower bound wide. The kernel's side sorts them in by the same scheme
//! ([`lock_common::bucket`]).

use std::collections::BTreeMap;

use lock_common::{ROW_BUCKETS, bucket, bucket_floor};

/// How many durations there were in each bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram(pub(crate) BTreeMap<u8, u64>);

impl Histogram {
    /// Adds one duration `count` times.
    #[cfg(test)]
    pub(crate) fn record(&mut self, ns: u64, count: u64) {
        self.add_to(bucket(ns) as u8, count);
    }

    pub(crate) fn add_to(&mut self, bucket: u8, count: u64) {
        if count > 0 {
            let place = self.0.entry(bucket).or_default();
            *place = place.saturating_add(count);
        }
    }

    /// Adds another.
    pub(crate) fn add(&mut self, other: &Self) {
        for (&bucket, &count) in &other.0 {
            self.add_to(bucket, count);
        }
    }

    /// Takes those of another away, as far as they are there.
    pub(crate) fn remove(&mut self, other: &Self) {
        for (bucket, &count) in &other.0 {
            if let Some(place) = self.0.get_mut(bucket) {
                *place = place.saturating_sub(count);
            }
        }
        self.0.retain(|_, count| *count > 0);
    }

    /// How many durations there are in each range of [`ROW_BUCKETS`] buckets, a factor of four.
    pub(crate) fn ranges(&self) -> BTreeMap<u8, u64> {
        let mut ranges = BTreeMap::new();
        for (&bucket, &count) in &self.0 {
            let sum: &mut u64 = ranges.entry(bucket / ROW_BUCKETS as u8).or_default();
            *sum = sum.saturating_add(count);
        }
        ranges
    }

    /// How many durations there are.
    pub(crate) fn count(&self) -> u64 {
        self.0
            .values()
            .fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The duration, in nanoseconds, that a share (0 to 1) of all do not exceed: the middle
    /// of its bucket, so at most an eighth off. None without any.
    pub(crate) fn percentile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((share * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0_u64;
        self.0.iter().find_map(|(&bucket, &count)| {
            seen = seen.saturating_add(count);
            (seen >= rank).then(|| middle(bucket))
        })
    }
}

/// The range of a duration, as in [`Histogram::ranges`].
pub(crate) fn range_of(ns: u64) -> u8 {
    (bucket(ns) / ROW_BUCKETS as u32) as u8
}

/// The middle of a bucket, in nanoseconds.
fn middle(bucket: u8) -> u64 {
    let floor = bucket_floor(bucket.into());
    let next = match bucket {
        u8::MAX => u64::MAX,
        _ => bucket_floor(u32::from(bucket) + 1),
    };
    floor + next.saturating_sub(floor + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn percentiles_are_at_most_an_eighth_off() {
        let mut histogram = Histogram::default();
        for ns in 1..=100_000 {
            histogram.record(ns, 1);
        }
        assert_eq!(histogram.count(), 100_000);
        for (share, exact) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0)] {
            let told = histogram.percentile(share).expect("some") as f64;
            assert!((told - exact).abs() / exact <= 0.125, "{share}: {told}");
        }
    }

    #[test]
    fn nothing_has_no_percentile_and_one_is_its_own() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), None);
        histogram.record(3, 1);
        assert_eq!(histogram.percentile(0.0), Some(3));
        assert_eq!(histogram.percentile(1.0), Some(3));
    }
}
