//! What waits come to: counted one by one, or estimated from those that were sampled.

use lock_common::bucket_floor;

use crate::profile::histogram::{Histogram, range_of};

/// Waits of which every one was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    /// Waits that ended with the lock.
    pub(crate) count: u64,
    /// Their time together, in nanoseconds.
    pub(crate) total_ns: u64,
    /// The shortest, in nanoseconds; zero if there is none.
    pub(crate) min_ns: u64,
    /// The longest, in nanoseconds.
    pub(crate) max_ns: u64,
    /// Of the total: a kernel mutex's waiters spinning rather than sleeping, in nanoseconds.
    pub(crate) spin_ns: u64,
    /// Of the total: user lock's waiters that had been woken, and waited for a CPU, in
    /// nanoseconds.
    pub(crate) runqueue_ns: u64,
    /// How long they took, one by one.
    pub(crate) histogram: Histogram,
    /// Waits that timed out; in none of the fields above.
    pub(crate) timed_out: u64,
    /// Waits broken off by a signal; in none of the fields above.
    pub(crate) interrupted: u64,
    /// Waits that ended without the lock for a reason not known; in none of the above.
    pub(crate) not_acquired: u64,
    /// The time of these three together, in nanoseconds.
    pub(crate) not_acquired_ns: u64,
    /// Sleeps that were no wait by themselves: all but one of each wait. Only in the values of
    /// rows ([`Lock::ranked`]): recordings have what the kernel counted.
    pub(crate) pieces: u64,
    /// Pieces of waits whose individual lengths are unknown ([`FutexRole::is_piece`]): only
    /// `total_ns` includes them.
    pub(crate) polled: u64,
    /// For user locks, whose waits are sleeps: the sleeps of calls with more than one.
    pub(crate) calls: SleptCalls,
}

/// Calls for a user lock that slept several times, as the kernel counted them
/// ([`lock_common::Tally`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SleptCalls {
    /// Their sleeps but the first of each.
    pub(crate) again: Lengths,
    /// The calls, once more for each sleep but the first.
    pub(crate) whole: Lengths,
    /// The calls as they were before each of these sleeps: what is to be taken away.
    pub(crate) before: Lengths,
    /// Of this, the time of calls that ended without the lock, in nanoseconds.
    pub(crate) failed_ns: u64,
    /// The longest of the calls, in nanoseconds.
    pub(crate) max_ns: u64,
}

/// Some lengths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// Their sum, in nanoseconds.
    pub(crate) total_ns: u64,
    /// Each of them.
    pub(crate) histogram: Histogram,
}

impl Lengths {
    fn add(&mut self, other: &Self) {
        let Self {
            total_ns,
            histogram,
        } = other;
        self.total_ns = self.total_ns.saturating_add(*total_ns);
        self.histogram.add(histogram);
    }
}

impl SleptCalls {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.before.histogram.0.is_empty() && self.again.histogram.0.is_empty()
    }

    fn add(&mut self, other: &Self) {
        let Self {
            again,
            whole,
            before,
            failed_ns,
            max_ns,
        } = other;
        self.again.add(again);
        self.whole.add(whole);
        self.before.add(before);
        self.failed_ns = self.failed_ns.saturating_add(*failed_ns);
        self.max_ns = self.max_ns.max(*max_ns);
    }
}

impl Waits {
    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            count,
            total_ns,
            min_ns,
            max_ns,
            spin_ns,
            runqueue_ns,
            ref histogram,
            timed_out,
            interrupted,
            not_acquired,
            not_acquired_ns,
            pieces,
            polled,
            ref calls,
        } = *other;
        if count > 0 {
            self.min_ns = if self.count == 0 {
                min_ns
            } else {
                self.min_ns.min(min_ns)
            };
            self.max_ns = self.max_ns.max(max_ns);
        }
        // Saturating: a forged recording can hold any numbers.
        for (sum, term) in [
            (&mut self.count, count),
            (&mut self.total_ns, total_ns),
            (&mut self.spin_ns, spin_ns),
            (&mut self.runqueue_ns, runqueue_ns),
            (&mut self.timed_out, timed_out),
            (&mut self.interrupted, interrupted),
            (&mut self.not_acquired, not_acquired),
            (&mut self.not_acquired_ns, not_acquired_ns),
            (&mut self.pieces, pieces),
            (&mut self.polled, polled),
        ] {
            *sum = sum.saturating_add(term);
        }
        self.histogram.add(histogram);
        self.calls.add(calls);
    }

    /// These waits, all sleeps of a call as one of them. The time between its sleeps is part of
    /// it: the thread looks whether it can have the lock.
    pub(crate) fn by_call(&self) -> Self {
        let SleptCalls {
            again,
            whole,
            before,
            failed_ns,
            max_ns,
        } = &self.calls;
        let mut histogram = self.histogram.clone();
        histogram.add(&whole.histogram);
        histogram.remove(&again.histogram);
        histogram.remove(&before.histogram);
        let total_ns = self
            .total_ns
            .saturating_add(whole.total_ns)
            .saturating_sub(again.total_ns)
            .saturating_sub(before.total_ns);
        // The shortest sleep may have been one of a call.
        let shortest = histogram.0.keys().next().copied();
        let floor_ns = shortest.map_or(0, |bucket| bucket_floor(bucket.into()));
        let max_ns = self.max_ns.max(*max_ns);
        let count = histogram.count();
        Self {
            count,
            total_ns,
            min_ns: self.min_ns.max(floor_ns).min(max_ns),
            max_ns,
            histogram,
            not_acquired_ns: self.not_acquired_ns.saturating_add(*failed_ns),
            pieces: self.count.saturating_sub(count),
            ..self.clone()
        }
    }

    /// How many ended without the lock.
    pub(crate) fn failed(&self) -> u64 {
        self.timed_out
            .saturating_add(self.interrupted)
            .saturating_add(self.not_acquired)
    }
}

/// The range of lengths of pieces of waits, whatever their length.
pub(crate) const PIECES: u8 = u8::MAX;

/// The first of the ranges of further sleeps of calls: as far from the others.
pub(crate) const AGAIN: u8 = 1 << 6;

/// What waits come to, estimated from those that were sampled: each counts for as many as
/// its chance was small (Horvitz and Thompson), so that sums are unbiased.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Estimate {
    /// Sampled waits.
    pub(crate) samples: u64,
    /// How many waits these stand for.
    pub(crate) count: u64,
    /// The time of all these together, in nanoseconds.
    pub(crate) wait_ns: u64,
    /// The longest of the sampled, in nanoseconds. Of a call's further sleep, the call.
    pub(crate) max_ns: u64,
    /// Estimated variance of `count`.
    pub(crate) count_variance: f64,
    /// Estimated variance of `wait_ns`, in square nanoseconds.
    pub(crate) wait_variance: f64,
    /// Whether all are further sleeps of calls, which are no waits by themselves where a wait is
    /// a call ([`Lock::is_by_call`](super::Lock::is_by_call)).
    pub(crate) again: bool,
}

impl Estimate {
    /// One sampled wait whose chance to be sampled was 2^-shift.
    pub(crate) fn of(wait_ns: u64, shift: u32) -> Self {
        let weight = 1_u64.checked_shl(shift).unwrap_or(u64::MAX);
        let (w, n) = (wait_ns as f64, weight as f64);
        // Var of x/p is estimated by (1-p)/p^2 x^2 for each sampled x.
        let spread = n * (n - 1.0);
        Self {
            samples: 1,
            count: weight,
            wait_ns: wait_ns.saturating_mul(weight),
            max_ns: wait_ns,
            count_variance: spread,
            wait_variance: spread * w * w,
            again: false,
        }
    }

    /// One sampled sleep, the latest of several in a call that has taken `call_ns` so far.
    pub(crate) fn again(wait_ns: u64, call_ns: u64, shift: u32) -> Self {
        Self {
            max_ns: call_ns,
            again: true,
            ..Self::of(wait_ns, shift)
        }
    }

    /// The same of a piece of a wait: it takes time, but is no wait by itself.
    pub(crate) fn piece(wait_ns: u64, shift: u32) -> Self {
        Self {
            count: 0,
            count_variance: 0.0,
            ..Self::of(wait_ns, shift)
        }
    }

    /// The range of lengths that contains all these waits: an index of [`Histogram::ranges`], from
    /// [`AGAIN`] on for further sleeps of calls, or [`PIECES`].
    pub(crate) fn range(&self) -> u8 {
        match self.wait_ns.checked_div(self.count) {
            Some(mean_ns) if self.again => AGAIN + range_of(mean_ns),
            Some(mean_ns) => range_of(mean_ns),
            None => PIECES,
        }
    }

    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            samples,
            count,
            wait_ns,
            max_ns,
            count_variance,
            wait_variance,
            again,
        } = *other;
        self.again = again && (self.again || self.samples == 0);
        self.samples = self.samples.saturating_add(samples);
        self.count = self.count.saturating_add(count);
        self.wait_ns = self.wait_ns.saturating_add(wait_ns);
        self.max_ns = self.max_ns.max(max_ns);
        self.count_variance += count_variance;
        self.wait_variance += wait_variance;
    }

    /// Half the width of the 95 % confidence interval of `wait_ns`, in nanoseconds.
    pub(crate) fn wait_error_ns(&self) -> u64 {
        (1.96 * self.wait_variance.max(0.0).sqrt()) as u64
    }

    /// The same of `count`.
    pub(crate) fn count_error(&self) -> u64 {
        (1.96 * self.count_variance.max(0.0).sqrt()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{Estimate, Lengths, SleptCalls, Waits};
    use crate::profile::histogram::Histogram;

    #[test]
    fn adding_keeps_the_extremes_and_ignores_those_of_nothing() {
        let waits = |count, total_ns, min_ns, max_ns| Waits {
            count,
            total_ns,
            min_ns,
            max_ns,
            ..Waits::default()
        };
        let failed = Waits {
            timed_out: 1,
            not_acquired_ns: 99,
            ..Waits::default()
        };
        let mut sum = Waits::default();
        for term in [&failed, &waits(2, 30, 10, 20), &failed, &waits(1, 5, 5, 5)] {
            sum.add(term);
        }
        assert_eq!(
            sum,
            Waits {
                timed_out: 2,
                not_acquired_ns: 198,
                ..waits(3, 35, 5, 20)
            }
        );
    }

    fn lengths(each: &[u64]) -> Lengths {
        let mut histogram = Histogram::default();
        for &ns in each {
            histogram.record(ns, 1);
        }
        Lengths {
            total_ns: each.iter().sum(),
            histogram,
        }
    }

    /// A call of one sleep (500 ns), one of three (1, 2 and 4 µs, 100 ns between), and one of
    /// which the first of two (8 µs) was in vain, and the second timed out.
    fn slept() -> Waits {
        Waits {
            count: 5,
            total_ns: 15_500,
            min_ns: 500,
            max_ns: 8_000,
            histogram: lengths(&[500, 1_000, 2_000, 4_000, 8_000]).histogram,
            timed_out: 1,
            not_acquired_ns: 9_000,
            calls: SleptCalls {
                again: lengths(&[2_000, 4_000]),
                whole: lengths(&[3_100, 7_200]),
                before: lengths(&[1_000, 3_100, 8_000]),
                failed_ns: 8_000,
                max_ns: 7_200,
            },
            ..Waits::default()
        }
    }

    #[test]
    fn sleeps_of_a_call_are_one_wait() {
        let calls = slept().by_call();
        assert_eq!(calls.histogram, lengths(&[500, 7_200]).histogram);
        assert_eq!((calls.count, calls.total_ns), (2, 7_700));
        assert_eq!((calls.pieces, calls.polled), (3, 0));
        assert_eq!((calls.timed_out, calls.not_acquired_ns), (1, 17_000));
    }

    #[test]
    fn calls_are_whole_however_their_sleeps_are_spread_over_intervals() {
        let part = |calls: SleptCalls, sleeps: &[u64]| Waits {
            count: sleeps.len() as u64,
            total_ns: sleeps.iter().sum(),
            min_ns: sleeps.iter().copied().min().unwrap_or(0),
            max_ns: sleeps.iter().copied().max().unwrap_or(0),
            histogram: lengths(sleeps).histogram,
            calls,
            ..Waits::default()
        };
        let further = |again, before, whole| SleptCalls {
            again: lengths(&[again]),
            whole: lengths(&[whole]),
            before: lengths(&[before]),
            failed_ns: 0,
            max_ns: whole,
        };
        let mut sum = part(SleptCalls::default(), &[1_000]);
        sum.add(&part(further(2_000, 1_000, 3_000), &[2_000]));
        sum.add(&part(further(4_000, 3_000, 7_000), &[4_000]));
        let calls = sum.by_call();
        assert_eq!(
            (calls.count, calls.total_ns, calls.max_ns),
            (1, 7_000, 7_000)
        );
        assert!(calls.min_ns > 6_000, "{calls:?}");
    }

    #[test]
    fn a_wait_that_was_sure_to_be_sampled_has_no_error() {
        let mut sum = Estimate::of(1000, 0);
        sum.add(&Estimate::of(500, 0));
        assert_eq!((sum.count, sum.wait_ns, sum.max_ns), (2, 1500, 1000));
        assert_eq!((sum.count_error(), sum.wait_error_ns()), (0, 0));
    }

    #[test]
    fn estimates_are_unbiased_and_know_their_error() {
        // 200 times the same population: waits of 1 to 1000 us, longer ones likelier sampled.
        let truth: u64 = (1..=1000).map(|us| us * 1000).sum();
        let mut random = fastrand::Rng::with_seed(1);
        let (mut sum, mut covered) = (0.0, 0);
        for _ in 0..200 {
            let mut estimate = Estimate::default();
            for us in 1..=1000_u64 {
                let shift = 10_u32.saturating_sub(us.ilog2());
                if random.u64(..) & ((1 << shift) - 1) == 0 {
                    estimate.add(&Estimate::of(us * 1000, shift));
                }
            }
            sum += estimate.wait_ns as f64;
            covered += usize::from(estimate.wait_ns.abs_diff(truth) <= estimate.wait_error_ns());
        }
        let mean = sum / 200.0;
        assert!(
            (mean / truth as f64 - 1.0).abs() < 0.01,
            "{mean} of {truth}"
        );
        // 95 % of 200 are 190; fewer than 180 have a chance of less than 1 in 1000.
        assert!(covered >= 180, "{covered} of 200");
    }
}
