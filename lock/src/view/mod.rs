//! Reports for readers. No view knows where its data came from.

mod csv;
pub(crate) mod document;
mod json;
mod table;
pub(crate) mod units;
pub(crate) mod untrusted;

use clap::ValueEnum;

use crate::{
    cli::report::{Format, ReportOptions},
    error::{Error, Result},
    profile::{figures::Sort, group::By, snapshot::Snapshot},
};

/// Writes the report of what was recorded. `columns` is the width of the terminal that it
/// is shown on; without one, lines are as long as they are.
pub(crate) fn render(
    snapshot: &Snapshot,
    options: &ReportOptions,
    columns: Option<u16>,
) -> Result<Vec<u8>> {
    match options.format {
        Format::Table => Ok(table::report(snapshot, options, columns).into_bytes()),
        Format::Json => Ok(json::report(snapshot, options)?.into_bytes()),
        Format::Csv => csv::report(snapshot, options),
        Format::Folded | Format::Svg | Format::Pprof | Format::Chrome => Err(Error::new(
            "in-the-works",
            format!("the format {:?} is not there yet", options.format),
        )
        .fix("choose --format table, json or csv")),
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
