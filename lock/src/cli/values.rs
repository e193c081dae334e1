//! The values that options take, with their help: clap's view of types that are defined
//! where they are used.

use clap::{
    ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use crate::{
    probe::plan::UserStacks,
    profile::{diff, figures::Sort, group::By},
    view::Format,
    workload::scenario::{self, Scenario},
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
            Self::Lock => "A lock; nameless kernel locks by the function that waits for them",
            Self::Address => "A lock, each by itself",
            Self::Caller => "A function that waits for locks of a type",
            Self::Stack => "A stack that waits for locks of a type",
            Self::Thread => "A thread that waits",
            Self::Process => "A process that waits",
            Self::Type => "A type of locks",
            Self::Cgroup => "A cgroup that waits",
            Self::Holder => "Who waits, and who had the lock",
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
            Self::Total => "Time waited in all",
            Self::Count => "Number of waits",
            Self::Mean => "Mean wait",
            Self::Max => "Longest wait",
            Self::Min => "Shortest wait",
            Self::P50 => "Median wait",
            Self::P90 => "The wait that 90 % do not exceed",
            Self::P99 => "The wait that 99 % do not exceed",
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
            Self::Table => value("table", "Text and a table, for people"),
            Self::Json => value("json", "One versioned JSON document with everything"),
            Self::Csv => value("csv", "The rows, comma-separated"),
            Self::Folded => value("folded", "Folded stacks, for flamegraph tools"),
            Self::Svg => value("svg", "A flamegraph"),
            Self::Pprof => value("pprof", "A profile for pprof and speedscope"),
            Self::Chrome => value(
                "chrome",
                "A timeline of the longest waits, for Chrome and Perfetto",
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
                "Those of waits for user locks, and of sampled waits for kernel locks that may \
                 sleep; with --exact only those of waits for user locks",
            ),
            Self::All => value("all", "Those of all waits whose stack is taken"),
            Self::User => value("user", "Those of waits for user locks only"),
        }
    }
}

/// A scenario of `lock workload` by its name.
pub(super) fn scenario() -> impl TypedValueParser<Value = Scenario> {
    let values = scenario::all().map(|(name, about)| PossibleValue::new(name).help(about));
    PossibleValuesParser::new(values)
        .try_map(|name| Scenario::named(&name).ok_or("there is no such scenario"))
}
