//! Two recordings compared: what got worse, and what may only seem so.
//!
//! Recordings last differently long, so that rates are compared: waits and wait a second.
//! The noise of a rate is told by its spread over the intervals of its recording. How a
//! program differs from one run to the next is not in it: nobody but the user, who can
//! record several runs, knows that.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::{
    diff::statistics::{LEVEL, Rate, compare, holm},
    group::{self, Filter, group},
    lock_type::LockType,
    metrics::Metrics,
    snapshot::{Metadata, Snapshot},
};

mod statistics;
#[cfg(test)]
mod tests;

/// Rows with less than this share of the wait of both recordings are not compared one by
/// one: each that is makes the others less sure.
const LEAST_SHARE: f64 = 0.001;

/// What a row is: something that has the same name in another run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// A function that waits for locks of a type.
    #[default]
    Caller,
    /// A type of locks.
    Type,
    /// A cgroup that waits.
    Cgroup,
}

impl By {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Caller, Self::Type, Self::Cgroup];

    /// The name in options and documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Caller => group::By::Caller.name(),
            Self::Type => group::By::Type.name(),
            Self::Cgroup => group::By::Cgroup.name(),
        }
    }
}

impl From<By> for group::By {
    fn from(by: By) -> Self {
        match by {
            By::Caller => Self::Caller,
            By::Type => Self::Type,
            By::Cgroup => Self::Cgroup,
        }
    }
}

/// What a row is called.
type Key = (Option<LockType>, String);

/// What the intervals of a recording came to, row by row.
#[derive(Debug)]
pub(crate) struct Series {
    by: By,
    filter: Filter,
    /// How long each interval lasted, in seconds.
    seconds: Vec<f64>,
    rows: BTreeMap<Key, Sums>,
    total: Sums,
    /// Of the first interval.
    metadata: Option<Metadata>,
}

/// What a row came to.
#[derive(Debug, Default)]
struct Sums {
    /// Its wait in intervals, by their number, in nanoseconds. Zero in all others.
    waits: Vec<(usize, f64)>,
    wait_ns: u64,
    /// The variance of the wait that comes from sampling.
    sampling: f64,
    count: u64,
}

impl Sums {
    fn add(&mut self, interval: usize, metrics: &Metrics) {
        let wait = metrics.total_ns() as f64;
        match self.waits.last_mut() {
            Some((last, sum)) if *last == interval => *sum += wait,
            _ => self.waits.push((interval, wait)),
        }
        self.wait_ns = self.wait_ns.saturating_add(metrics.total_ns());
        self.count = self.count.saturating_add(metrics.count());
        if let Metrics::Estimated(estimate) = metrics {
            self.sampling += estimate.wait_variance.max(0.0);
        }
    }

    fn rate(&self, seconds: &[f64]) -> Rate {
        let mut values = vec![0.0; seconds.len()];
        for &(interval, wait) in &self.waits {
            if let Some(value) = values.get_mut(interval) {
                *value = wait;
            }
        }
        Rate::of(&values, seconds, self.sampling)
    }
}

impl Series {
    /// Nothing yet.
    pub(crate) fn new(by: By, filter: Filter) -> Self {
        Self {
            by,
            filter,
            seconds: Vec::new(),
            rows: BTreeMap::new(),
            total: Sums::default(),
            metadata: None,
        }
    }

    /// Adds the next interval. One without length tells nothing.
    pub(crate) fn add(&mut self, interval: &Snapshot) {
        if interval.duration_ns == 0 {
            return;
        }
        self.metadata
            .get_or_insert_with(|| interval.metadata.clone());
        let number = self.seconds.len();
        self.seconds.push(interval.duration_ns as f64 / 1e9);
        let grouped = group(interval, self.by.into(), &self.filter);
        self.total.add(number, &grouped.total);
        for row in grouped.rows {
            let sums = self.rows.entry((row.lock_type, row.label)).or_default();
            sums.add(number, &row.metrics);
        }
    }

    fn side(&self) -> Side {
        let seconds = self.seconds.iter().sum();
        Side {
            seconds,
            intervals: self.seconds.len(),
            is_enough: self.total.rate(&self.seconds).is_enough(),
        }
    }
}

/// A recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Side {
    /// How long it is, in seconds.
    pub(crate) seconds: f64,
    pub(crate) intervals: usize,
    /// Whether these are enough to tell noise from change.
    pub(crate) is_enough: bool,
}

/// What is to be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More wait than before.
    Worse,
    /// Less wait than before.
    Better,
    /// Worse, and not there before.
    New,
    /// Better, and not there any more.
    Gone,
    /// The difference may well be chance.
    NoClearChange,
    /// A recording has too few intervals.
    TooFew,
}

impl Verdict {
    /// Whether it is worse for sure.
    pub(crate) const fn is_worse(self) -> bool {
        matches!(self, Self::Worse | Self::New)
    }

    /// In words.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::New => "new",
            Self::Gone => "gone",
            Self::NoClearChange => "no clear change",
            Self::TooFew => "too few intervals",
        }
    }

    fn of(change: &Change, chance: Option<f64>) -> Self {
        match chance {
            None => Self::TooFew,
            Some(chance) if chance >= LEVEL => Self::NoClearChange,
            Some(_) if change.before.count == 0 => Self::New,
            Some(_) if change.after.count == 0 => Self::Gone,
            Some(_) if change.difference > 0.0 => Self::Worse,
            Some(_) => Self::Better,
        }
    }
}

/// What a row came to in one recording.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PerSecond {
    /// Wait, in nanoseconds a second.
    pub(crate) wait_ns: f64,
    /// Waits a second.
    pub(crate) waits: f64,
    /// Waits in all.
    pub(crate) count: u64,
}

/// How a row changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// What it is, in words.
    pub(crate) label: String,
    /// The type of its locks, if it is one.
    pub(crate) lock_type: Option<LockType>,
    /// In the first recording.
    pub(crate) before: PerSecond,
    /// In the second one.
    pub(crate) after: PerSecond,
    /// How much more wait there is, in nanoseconds a second.
    pub(crate) difference: f64,
    /// Half the width of the 95 % confidence interval of that; none if it cannot be told.
    pub(crate) error: Option<f64>,
    /// How likely it is by chance, corrected for how many rows there are.
    pub(crate) chance: Option<f64>,
    /// What that means.
    pub(crate) verdict: Verdict,
}

impl Change {
    /// How many times the wait before the wait after is. None if there was none.
    pub(crate) fn ratio(&self) -> Option<f64> {
        (self.before.wait_ns > 0.0).then(|| self.after.wait_ns / self.before.wait_ns)
    }

    /// Whether it is worse for sure, and by at least so many percent.
    pub(crate) fn is_worse_by(&self, percent: f64) -> bool {
        let limit = 1.0 + percent / 100.0;
        self.verdict.is_worse() && self.ratio().is_none_or(|ratio| ratio >= limit)
    }
}

/// Two recordings compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Diff {
    /// What a row is.
    pub(crate) by: By,
    /// The first recording.
    pub(crate) before: Side,
    /// The second one.
    pub(crate) after: Side,
    /// The rows: what is worse for sure first, the most first; then what is unclear, then
    /// what is better.
    pub(crate) rows: Vec<Change>,
    /// All waits together.
    pub(crate) total: Change,
    /// How many rows are too small to be compared.
    pub(crate) small: usize,
    /// What else is different between the recordings, one sentence each.
    pub(crate) notes: Vec<String>,
}

impl Diff {
    /// Whether a row, or all of them together, is worse for sure, by at least so many
    /// percent.
    pub(crate) fn is_worse_by(&self, percent: f64) -> bool {
        self.rows.iter().any(|row| row.is_worse_by(percent)) || self.total.is_worse_by(percent)
    }
}

/// Compares two recordings.
pub(crate) fn diff(before: &Series, after: &Series) -> Diff {
    let none = Sums::default();
    let large = |sums: &Sums, series: &Series| {
        sums.wait_ns > 0 && sums.wait_ns as f64 >= LEAST_SHARE * series.total.wait_ns as f64
    };
    let keys: BTreeSet<_> = before.rows.keys().chain(after.rows.keys()).collect();
    let all = keys.len();
    let mut pairs: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let (a, b) = (before.rows.get(key), after.rows.get(key));
            (key, (a.unwrap_or(&none), b.unwrap_or(&none)))
        })
        .collect();
    pairs.retain(|(_, (a, b))| large(a, before) || large(b, after));
    let small = all.saturating_sub(pairs.len());
    let change = |key: &Key, a, b| change(key, (before, a), (after, b));
    let mut rows: Vec<_> = pairs
        .into_iter()
        .map(|(key, (a, b))| change(key, a, b))
        .collect();
    let chances: Vec<_> = rows.iter().filter_map(|row| row.chance).collect();
    let mut corrected = holm(&chances).into_iter();
    for row in &mut rows {
        if row.chance.is_some() {
            row.chance = corrected.next();
        }
        row.verdict = Verdict::of(row, row.chance);
    }
    rows.sort_by(|a, b| {
        let rank = |row: &Change| match row.verdict {
            Verdict::Worse | Verdict::New => 0,
            Verdict::NoClearChange | Verdict::TooFew => 1,
            Verdict::Better | Verdict::Gone => 2,
        };
        rank(a)
            .cmp(&rank(b))
            .then_with(|| b.difference.total_cmp(&a.difference))
    });
    let mut total = change(&(None, "all".to_owned()), &before.total, &after.total);
    total.verdict = Verdict::of(&total, total.chance);
    Diff {
        by: before.by,
        before: before.side(),
        after: after.side(),
        rows,
        total,
        small,
        notes: unlike(before.metadata.as_ref(), after.metadata.as_ref()),
    }
}

/// What makes two recordings hard to compare.
fn unlike(before: Option<&Metadata>, after: Option<&Metadata>) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
    let mode = |metadata: &Metadata| if metadata.exact { "on" } else { "off" };
    [
        ("the kernel", before.kernel.clone(), after.kernel.clone()),
        (
            "the number of CPUs",
            before.cpus.to_string(),
            after.cpus.to_string(),
        ),
        (
            "the filters",
            before.filters.join(", "),
            after.filters.join(", "),
        ),
        ("--exact", mode(before).to_owned(), mode(after).to_owned()),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(what, before, after)| {
        let named = |text: String| {
            if text.is_empty() {
                "none".to_owned()
            } else {
                text
            }
        };
        let (before, after) = (named(before), named(after));
        format!("the recordings differ in {what}: {before} before, {after} after")
    })
    .collect()
}

/// How a row changed, without a verdict yet.
fn change(key: &Key, before: (&Series, &Sums), after: (&Series, &Sums)) -> Change {
    let rate = |(series, sums): (&Series, &Sums)| sums.rate(&series.seconds);
    let (rate_before, rate_after) = (rate(before), rate(after));
    let difference = compare(&rate_before, &rate_after);
    let per_second = |(series, sums): (&Series, &Sums), rate: &Rate| {
        let seconds: f64 = series.seconds.iter().sum();
        PerSecond {
            wait_ns: rate.mean,
            waits: if seconds > 0.0 {
                sums.count as f64 / seconds
            } else {
                0.0
            },
            count: sums.count,
        }
    };
    Change {
        label: key.1.clone(),
        lock_type: key.0,
        before: per_second(before, &rate_before),
        after: per_second(after, &rate_after),
        difference: difference.mean,
        error: difference.error,
        chance: difference.chance,
        verdict: Verdict::TooFew,
    }
}
