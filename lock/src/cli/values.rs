//! The values that options take, with their help: clap's view of types that are defined
//! where they are used.

use std::time::Duration;

use clap::{
    ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use lock_workload::Scenario;

use crate::{
    probe::plan::UserStacks,
    profile::{diff, group::By, metrics::Sort},
    view::{Format, folded::Side},
};

fn value(name: &'static str, help: &'static str) -> Option<PossibleValue> {
    Some(PossibleValue::new(name).help(help))
}

impl ValueEnum for By {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Lock => "Name of the lock; for kernel locks without one, the waiting function",
            Self::Address => "Address of the lock",
            Self::Caller => "Function that waits, per lock type",
            Self::Stack => "Stack of the waiter, per lock type",
            Self::Thread => "Waiting thread",
            Self::Process => "Waiting process",
            Self::Type => "Type of the lock",
            Self::Cgroup => "Cgroup of the waiter",
            Self::Holder => "Waiter, and the holder that it waited for",
        };
        value(self.name(), help)
    }
}

impl ValueEnum for diff::By {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        By::from(*self).to_possible_value()
    }
}

impl ValueEnum for Sort {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Total => "Total wait time",
            Self::Count => "Number of waits",
            Self::Mean => "Mean wait",
            Self::Max => "Longest wait",
            Self::Min => "Shortest wait",
            Self::P50 => "Median wait",
            Self::P90 => "90th percentile of the waits",
            Self::P99 => "99th percentile of the waits",
        };
        value(self.name(), help)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Human => value("human", "Text and a table"),
            Self::Json => value("json", "One versioned JSON document with everything"),
            Self::Csv => value("csv", "The rows as comma-separated values"),
            Self::Folded => value("folded", "Folded stacks, for flamegraph tools"),
            Self::Svg => value("svg", "A flamegraph"),
            Self::Pprof => value("pprof", "A profile for pprof and speedscope"),
            Self::Chrome => value(
                "chrome",
                "A timeline of the longest waits in Chrome's trace event format, for Perfetto",
            ),
        }
    }
}

impl ValueEnum for Side {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Waiters => value("waiters", "The waiters' stacks: where they waited"),
            Self::Holders => value(
                "holders",
                "The holders' stacks: where they released the lock, weighted by the time that others waited",
            ),
        }
    }
}

impl ValueEnum for UserStacks {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::All, Self::User]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Auto => value(
                "auto",
                "Sampled waits for user locks, and for kernel locks whose waiters sleep (mutex, \
                 rwsem, ...); with --exact, only waits for user locks",
            ),
            Self::All => value("all", "All sampled waits"),
            Self::User => value("user", "Sampled waits for user locks only"),
        }
    }
}

/// A scenario of `lock workload` by its name.
pub(super) fn scenario() -> impl TypedValueParser<Value = Scenario> {
    let value =
        |scenario: Scenario| PossibleValue::new(scenario.name()).help(scenario.description());
    PossibleValuesParser::new(Scenario::all().map(value))
        .try_map(|name| Scenario::named(&name).ok_or("not a scenario; --list shows all of them"))
}

/// A time with a unit: `500us`, `1.5s`, `1m`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// A time that is not zero; without a unit, in seconds.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    let period = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?,
        Err(_) => time(text)?,
    };
    if period.is_zero() {
        return Err("must be more than 0".to_owned());
    }
    Ok(period)
}

/// A size of 1 to 16 KiB, in bytes: `4096`, `4K`.
pub(super) fn stack_size(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => (text, 1),
    };
    let size = digits
        .parse()
        .ok()
        .and_then(|size: u32| size.checked_mul(unit));
    size.filter(|size| (1 << 10..=16 << 10).contains(size))
        .ok_or_else(|| "must be a size from 1K to 16K".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{period, stack_size, time};

    #[test]
    fn a_period_is_positive_and_finite_and_in_seconds_by_default() {
        for (text, millis) in [
            ("0.5", 500),
            ("2", 2000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("1m", 60_000),
        ] {
            assert_eq!(period(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["0", "0s", "-1", "nan", "inf", "1e300", "", "5x", "s"] {
            period(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("10us"), Ok(Duration::from_micros(10)));
        for wrong in ["10", "", "-1ms", "us"] {
            time(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn stacks_are_copied_in_kibibytes() {
        for (text, bytes) in [("4K", 4096), ("16k", 16 << 10), ("1024", 1024)] {
            assert_eq!(stack_size(text), Ok(bytes), "{text}");
        }
        for wrong in ["8", "17K", "1M", "", "K", "99999999999K"] {
            stack_size(wrong).expect_err(wrong);
        }
    }
}
