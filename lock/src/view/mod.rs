//! Reports for readers. No view knows where its data came from.

pub(crate) mod chrome;
mod csv;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod document;
pub(crate) mod flamegraph;
pub(crate) mod folded;
#[cfg(test)]
mod hostile_fixtures;
mod json;
#[cfg(test)]
mod large_tests;
mod options;
mod paint;
pub(crate) mod pprof;
pub(crate) mod stack_text;
mod table;
pub(crate) mod tui;

use ebpf_base::untrusted;
pub(crate) use options::{Format, Options};

use crate::{error::Result, profile::snapshot::Snapshot};

/// Writes the report of what was recorded. `columns` is the width of the terminal that it
/// is shown on; without one, lines are as long as they are.
pub(crate) fn render(
    snapshot: &Snapshot,
    options: &Options,
    columns: Option<u16>,
) -> Result<Vec<u8>> {
    let Options { side, filter, .. } = options;
    match options.format {
        Format::Human => Ok(table::report(snapshot, options, columns).into_bytes()),
        Format::Json => Ok(json::report(snapshot, options)?.into_bytes()),
        Format::Csv => csv::report(snapshot, options),
        Format::Folded => Ok(folded::folded(snapshot, *side, filter).into_bytes()),
        Format::Svg => flamegraph::svg(snapshot, *side, filter),
        Format::Pprof => pprof::profile(snapshot, *side, filter),
        Format::Chrome => chrome::trace(snapshot, filter),
    }
}
