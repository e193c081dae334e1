//! Reports for readers. No view knows where its data came from.

pub(crate) mod chrome;
mod csv;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod document;
pub(crate) mod flamegraph;
pub(crate) mod folded;
#[cfg(test)]
mod hostile;
mod json;
#[cfg(test)]
mod large;
pub(crate) mod pprof;
pub(crate) mod stack_text;
mod table;
pub(crate) mod tui;
pub(crate) mod units;
pub(crate) mod untrusted;

use clap::ValueEnum;

use crate::{
    cli::report::{Format, ReportOptions},
    error::Result,
    profile::{figures::Sort, group::By, snapshot::Snapshot},
    view::folded::Side,
};

/// Writes the report of what was recorded. `columns` is the width of the terminal that it
/// is shown on; without one, lines are as long as they are.
pub(crate) fn render(
    snapshot: &Snapshot,
    options: &ReportOptions,
    columns: Option<u16>,
) -> Result<Vec<u8>> {
    let filter = &options.filter();
    let side = if options.culprits {
        Side::Culprits
    } else {
        Side::Victims
    };
    match options.format {
        Format::Table => Ok(table::report(snapshot, options, columns).into_bytes()),
        Format::Json => Ok(json::report(snapshot, options)?.into_bytes()),
        Format::Csv => csv::report(snapshot, options),
        Format::Folded => Ok(folded::folded(snapshot, side, filter).into_bytes()),
        Format::Svg => flamegraph::svg(snapshot, side, filter),
        Format::Pprof => pprof::profile(snapshot, side, filter),
        Format::Chrome => chrome::trace(snapshot, filter),
    }
}

/// What a row is, by the name that `--by` has for it.
fn by_name(by: By) -> String {
    name(&by)
}

/// What rows are ranked by, by the name that `--sort` has for it.
fn sort_name(sort: Sort) -> String {
    name(&sort)
}

fn name(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}
