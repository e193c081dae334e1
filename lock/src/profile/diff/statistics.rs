//! How sure a difference between two recordings is, from the spread over their intervals.

use special::Beta as _;

/// How sure a verdict is to be, over all rows together: 1 in 20 by chance.
pub(super) const LEVEL: f64 = 0.05;

/// How many intervals are enough to tell their spread: five, one of them cut short.
const ENOUGH: f64 = 4.5;

/// How large a sum is, a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rate {
    /// The mean over the whole recording.
    pub(super) mean: f64,
    /// The variance of this mean.
    pub(super) variance: f64,
    /// Of how many intervals of equal length it is.
    pub(super) intervals: f64,
}

impl Rate {
    /// The rate of what each interval came to. The intervals last so many seconds each;
    /// `sampling` is the variance of the whole sum that comes from sampling.
    ///
    /// What sampling adds is in the spread over the intervals already. But by chance, a few
    /// can be closer to each other than sampling allows: then it is the lower bound.
    ///
    /// Where neighbours resemble each other more than by chance, as in a program with
    /// phases, there is less to learn from each: the variance grows as that of the mean of
    /// a first-order autoregressive series.
    pub(super) fn of(values: &[f64], seconds: &[f64], sampling: f64) -> Self {
        let duration: f64 = seconds.iter().sum();
        let squares: f64 = seconds.iter().map(|length| length * length).sum();
        if duration <= 0.0 || squares <= 0.0 {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / duration;
        let intervals = duration * duration / squares;
        let residuals: Vec<f64> = values
            .iter()
            .zip(seconds)
            .map(|(value, length)| value - mean * length)
            .collect();
        let spread: f64 = residuals.iter().map(|residual| residual * residual).sum();
        let mut variance = 0.0;
        if intervals > 1.0 {
            variance = spread / (duration * duration) * intervals / (intervals - 1.0);
        }
        if spread > 0.0 {
            let pairs = residuals.iter().zip(residuals.iter().skip(1));
            let likeness = pairs.map(|(a, b)| a * b).sum::<f64>() / spread;
            if likeness > 2.0 / intervals.sqrt() {
                let likeness = likeness.min(0.9);
                variance *= (1.0 + likeness) / (1.0 - likeness);
            }
        }
        Self {
            mean,
            variance: variance.max(sampling / (duration * duration)),
            intervals,
        }
    }

    /// Whether there are intervals enough to tell the spread.
    pub(super) fn is_enough(&self) -> bool {
        self.intervals >= ENOUGH
    }
}

/// How two rates differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Difference {
    /// The second less the first.
    pub(super) mean: f64,
    /// Half the width of its 95 % confidence interval; none if there are too few intervals.
    pub(super) error: Option<f64>,
    /// How likely one at least as large is by chance; none if there are too few intervals.
    pub(super) chance: Option<f64>,
}

/// Compares two rates by Welch's t-test, which does not take their variances for equal.
pub(super) fn compare(before: &Rate, after: &Rate) -> Difference {
    let mean = after.mean - before.mean;
    let mut difference = Difference {
        mean,
        error: None,
        chance: None,
    };
    if !before.is_enough() || !after.is_enough() {
        return difference;
    }
    let variance = before.variance + after.variance;
    if variance <= 0.0 {
        difference.error = Some(0.0);
        difference.chance = Some(if mean == 0.0 { 1.0 } else { 0.0 });
        return difference;
    }
    // Welch and Satterthwaite's degrees of freedom.
    let part = |rate: &Rate| rate.variance * rate.variance / (rate.intervals - 1.0);
    let freedom = variance * variance / (part(before) + part(after));
    let t = mean / variance.sqrt();
    // Metrics of forged recordings can be beyond numbers: then nothing is sure.
    if freedom.is_finite() && t.is_finite() {
        let student = Student::with(freedom);
        difference.error = Some(student.limit(LEVEL) * variance.sqrt());
        difference.chance = Some(student.chance(t));
    }
    difference
}

/// Student's distribution.
struct Student {
    freedom: f64,
    ln_beta: f64,
}

impl Student {
    /// With so many degrees of freedom.
    fn with(freedom: f64) -> Self {
        // Beyond ten thousand, it is the normal distribution to four digits.
        let freedom = freedom.clamp(1.0, 1e4);
        Self {
            freedom,
            ln_beta: (freedom / 2.0).ln_beta(0.5),
        }
    }

    /// How likely a value at least as far from zero as `t` is.
    fn chance(&self, t: f64) -> f64 {
        let x = self.freedom / (self.freedom + t * t);
        x.inc_beta(self.freedom / 2.0, 0.5, self.ln_beta)
            .clamp(0.0, 1.0)
    }

    /// The value that all but a share of `chance` are closer to zero than.
    fn limit(&self, chance: f64) -> f64 {
        let x = chance.inv_inc_beta(self.freedom / 2.0, 0.5, self.ln_beta);
        (self.freedom * (1.0 - x) / x).max(0.0).sqrt()
    }
}

/// Corrects chances for how many there are, by Holm's method: each is then how likely any
/// of all would be as unlikely by chance.
pub(super) fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = chances.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut corrected = vec![1.0; chances.len()];
    let mut least = 0.0_f64;
    for (rank, (index, chance)) in order.into_iter().enumerate() {
        let left = chances.len().saturating_sub(rank) as f64;
        least = least.max((chance * left).min(1.0));
        if let Some(place) = corrected.get_mut(index) {
            *place = least;
        }
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::{Rate, Student, compare, holm};

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-3, "{value} is not {expected}");
    }

    #[test]
    fn welch_s_test_gives_the_figures_of_the_textbook() {
        // A well-known example: t = 2.46, 25.0 degrees of freedom, p = 0.021.
        let a = [
            27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7,
            21.4,
        ];
        let b = [
            27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5,
            24.4,
        ];
        let rate = |values: &[f64]| Rate::of(values, &vec![1.0; values.len()], 0.0);
        let difference = compare(&rate(&a), &rate(&b));
        near(difference.mean, 32.5 / 15.0);
        near(difference.chance.unwrap(), 0.021);
    }

    #[test]
    fn student_s_limits_are_those_of_the_tables() {
        for (freedom, limit) in [
            (1.0, 12.7062),
            (4.0, 2.7764),
            (9.5, 2.2444),
            (18.0, 2.1009),
            (120.0, 1.9799),
            (1e9, 1.9602),
        ] {
            let student = Student::with(freedom);
            near(student.limit(0.05), limit);
            near(student.chance(limit), 0.05);
        }
        near(Student::with(4.0).chance(0.0), 1.0);
        near(Student::with(4.0).chance(1e200), 0.0);
    }

    #[test]
    fn a_short_interval_weighs_little() {
        let rate = Rate::of(
            &[10.0, 10.0, 10.0, 10.0, 0.1],
            &[1.0, 1.0, 1.0, 1.0, 0.01],
            0.0,
        );
        near(rate.mean, 10.0);
        near(rate.variance, 0.0);
        assert!(!rate.is_enough());
        assert_eq!(Rate::of(&[], &[], 0.0), Rate::default());
        assert_eq!(Rate::of(&[1.0], &[0.0], 0.0), Rate::default());
    }

    #[test]
    fn sampling_is_the_least_variance_and_phases_add_to_it() {
        let same = [5.0; 10];
        near(Rate::of(&same, &[1.0; 10], 200.0).variance, 2.0);
        let mixed = [1.0, 9.0, 1.0, 9.0, 1.0, 9.0, 1.0, 9.0, 1.0, 9.0];
        let phases = [1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0];
        let mixed = Rate::of(&mixed, &[1.0; 10], 0.0).variance;
        let phases = Rate::of(&phases, &[1.0; 10], 0.0).variance;
        near(mixed, 16.0 / 9.0);
        assert!(phases > 4.0 * mixed, "{phases}");
    }

    #[test]
    fn holm_s_method_gives_the_figures_of_the_textbook() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (value, expected) in corrected.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            near(value, expected);
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn what_is_beyond_numbers_is_not_sure() {
        let endless = Rate::of(&[f64::MAX; 9], &[1e-300; 9], f64::MAX);
        let finite = Rate::of(&[1.0; 9], &[1.0; 9], 0.0);
        assert_eq!(compare(&endless, &finite).chance, None);
        let equal = compare(&finite, &finite);
        assert_eq!((equal.chance, equal.error), (Some(1.0), Some(0.0)));
    }
}
