//! Metrics of a row, exact or estimated, and the order that rows are ranked in.

use std::cmp::Ordering;

use crate::profile::snapshot::{Estimate, Waits};

/// What the waits of a row come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Metrics {
    /// Every wait was counted.
    Exact(Waits),
    /// From the waits that were sampled.
    Estimated(Estimate),
}

impl Metrics {
    /// How many waits.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Exact(waits) => waits.count,
            Self::Estimated(estimate) => estimate.count,
        }
    }

    /// Their time together, in nanoseconds.
    pub(crate) fn total_ns(&self) -> u64 {
        match self {
            Self::Exact(waits) => waits.total_ns,
            Self::Estimated(estimate) => estimate.wait_ns,
        }
    }

    /// The mean wait, in nanoseconds; zero if there is none.
    pub(crate) fn mean_ns(&self) -> u64 {
        self.average_ns().unwrap_or(0)
    }

    /// The mean wait, in nanoseconds. None without one: all may be pieces of waits.
    pub(crate) fn average_ns(&self) -> Option<u64> {
        self.total_ns().checked_div(self.count())
    }

    /// The longest wait, in nanoseconds: of an estimate, the longest that was sampled. The
    /// pieces of waits do not tell it.
    pub(crate) fn longest_ns(&self) -> Option<u64> {
        match self {
            Self::Exact(waits) if waits.polled > 0 => None,
            _ => Some(self.max_ns()),
        }
    }

    /// The same; of waits in pieces, the longest piece. At least the mean, which of estimates and
    /// pieces can be more: the longest wait is at least as long.
    pub(crate) fn max_ns(&self) -> u64 {
        let known_ns = match self {
            Self::Exact(waits) => waits.max_ns,
            Self::Estimated(estimate) => estimate.max_ns,
        };
        known_ns.max(self.mean_ns())
    }

    /// The shortest wait, in nanoseconds. Neither samples nor the pieces of waits tell it. One
    /// nanosecond stands for a wait too short to be measured.
    pub(crate) fn min_ns(&self) -> Option<u64> {
        match self {
            Self::Exact(waits) => {
                let is_known = waits.count > 0 && waits.polled == 0 && waits.min_ns > 1;
                is_known.then(|| waits.min_ns.min(self.mean_ns()))
            }
            Self::Estimated(_) => None,
        }
    }

    /// The wait, in nanoseconds, that a share (0 to 1) of all do not exceed: at most an
    /// eighth off, and never outside of the shortest and the longest. Neither samples nor the
    /// pieces of waits tell it.
    pub(crate) fn percentile(&self, share: f64) -> Option<u64> {
        match self {
            Self::Exact(waits) if waits.polled > 0 => None,
            Self::Exact(waits) => {
                let ns = waits.histogram.percentile(share)?;
                Some(ns.max(waits.min_ns).min(waits.max_ns))
            }
            Self::Estimated(_) => None,
        }
    }

    /// Half the width of the total's 95 % confidence interval, in nanoseconds; zero if it
    /// is exact.
    pub(crate) fn error_ns(&self) -> u64 {
        match self {
            Self::Exact(_) => 0,
            Self::Estimated(estimate) => estimate.wait_error_ns(),
        }
    }

    /// The same of the count.
    pub(crate) fn count_error(&self) -> u64 {
        match self {
            Self::Exact(_) => 0,
            Self::Estimated(estimate) => estimate.count_error(),
        }
    }

    /// Whether nothing was estimated: every wait was counted, or every one was sampled.
    pub(crate) fn is_exact(&self) -> bool {
        self.error_ns() == 0 && self.count_error() == 0
    }

    /// What was counted, if every wait was.
    pub(crate) fn waits(&self) -> Option<&Waits> {
        match self {
            Self::Exact(waits) => Some(waits),
            Self::Estimated(_) => None,
        }
    }

    /// Adds others, as far as they are of the same kind.
    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Exact(sum), Self::Exact(term)) => sum.add(term),
            (Self::Estimated(sum), Self::Estimated(term)) => sum.add(term),
            (Self::Exact(_), Self::Estimated(_)) | (Self::Estimated(_), Self::Exact(_)) => {}
        }
    }
}

/// What rows are ranked by, in descending order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Total wait time.
    #[default]
    Total,
    /// Number of waits.
    Count,
    /// Mean wait.
    Mean,
    /// Longest wait.
    Max,
    /// Shortest wait.
    Min,
    /// Median wait.
    P50,
    /// 90th percentile of the waits.
    P90,
    /// 99th percentile of the waits.
    P99,
}

impl Sort {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Total,
        Self::Count,
        Self::Mean,
        Self::Max,
        Self::Min,
        Self::P50,
        Self::P90,
        Self::P99,
    ];

    /// The name in options and documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Count => "count",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Min => "min",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
        }
    }

    /// The figure.
    pub(crate) fn of(self, metrics: &Metrics) -> u64 {
        match self {
            Self::Total => metrics.total_ns(),
            Self::Count => metrics.count(),
            Self::Mean => metrics.mean_ns(),
            Self::Max => metrics.max_ns(),
            Self::Min => metrics.min_ns().unwrap_or(0),
            Self::P50 => metrics.percentile(0.5).unwrap_or(0),
            Self::P90 => metrics.percentile(0.9).unwrap_or(0),
            Self::P99 => metrics.percentile(0.99).unwrap_or(0),
        }
    }

    /// Whether estimates have this figure, too.
    pub(crate) const fn is_estimated(self) -> bool {
        matches!(self, Self::Total | Self::Count | Self::Mean | Self::Max)
    }

    /// Which of two comes first. What is equal is put in the order of the total and the
    /// count.
    pub(crate) fn order(self, a: &Metrics, b: &Metrics) -> Ordering {
        let metrics = |of| (self.of(of), of.total_ns(), of.count());
        metrics(b).cmp(&metrics(a))
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;
    use crate::profile::snapshot::{Estimate, Waits};

    #[test]
    fn no_mean_is_over_the_maximum() {
        // Two waits of the same lock; the shorter one was sampled.
        let estimated = Metrics::Estimated(Estimate {
            samples: 1,
            count: 2,
            wait_ns: 10_000,
            max_ns: 1_000,
            ..Estimate::default()
        });
        assert_eq!((estimated.mean_ns(), estimated.max_ns()), (5_000, 5_000));
        let exact = |min_ns, max_ns| {
            Metrics::Exact(Waits {
                count: 2,
                total_ns: 10_000,
                min_ns,
                max_ns,
                ..Waits::default()
            })
        };
        assert_eq!(exact(1_000, 9_000).max_ns(), 9_000);
        assert_eq!(exact(1_000, 4_000).max_ns(), 5_000);
        assert_eq!(exact(6_000, 9_000).min_ns(), Some(5_000));
    }

    #[test]
    fn a_nanosecond_is_no_minimum() {
        let waits = |min_ns| {
            Metrics::Exact(Waits {
                count: 1,
                total_ns: 100,
                min_ns,
                max_ns: 100,
                ..Waits::default()
            })
        };
        assert_eq!(waits(1).min_ns(), None);
        assert_eq!(waits(100).min_ns(), Some(100));
    }
}
