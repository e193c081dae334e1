//! What a report shows, and how: resolved, for every view that can be asked for.

use crate::{
    profile::{
        group::{By, Filter},
        metrics::Sort,
    },
    view::folded::Side,
};

/// What a report shows, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// What a row is.
    pub(crate) by: By,
    /// What rows are ranked by, in descending order.
    pub(crate) sort: Sort,
    /// How the report is written.
    pub(crate) format: Format,
    /// How many rows are shown at most; `None` leaves it to the format.
    pub(crate) limit: Option<usize>,
    /// Which waits are shown.
    pub(crate) filter: Filter,
    /// Whose stacks are shown, where the format shows those of one side.
    pub(crate) side: Side,
    /// Whether a text for people has colours.
    pub(crate) color: bool,
}

impl Options {
    /// How many rows are shown at most, where the format has this many by default.
    pub(crate) fn rows(&self, default: usize) -> usize {
        self.limit.unwrap_or(default)
    }
}

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text and a table, for people.
    #[default]
    Human,
    /// One versioned JSON document with everything.
    Json,
    /// The rows, comma-separated.
    Csv,
    /// Folded stacks, for flamegraph tools.
    Folded,
    /// A flamegraph.
    Svg,
    /// A profile for pprof and speedscope.
    Pprof,
    /// A timeline of the longest waits, for Chrome and Perfetto.
    Chrome,
}

impl Format {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Human,
        Self::Json,
        Self::Csv,
        Self::Folded,
        Self::Svg,
        Self::Pprof,
        Self::Chrome,
    ];

    /// Whether reports in this format are not text.
    pub(crate) const fn is_binary(self) -> bool {
        matches!(self, Self::Pprof)
    }
}
