//! Arguments of `top`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    cli::{
        record::Recorded,
        report::{Types, types},
        values,
    },
    profile::{group::By, metrics::Sort},
};

/// Arguments of `top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) recorded: Recorded,
    /// Only locks of this type: mutex, rwsem (readers and writers), rwsem:R (readers), user-mutex,
    /// user (all user locks), ...; can be repeated. An unknown name prints the list of types
    #[arg(short = 'Y', long = "type", value_name = "TYPE", value_parser = types, help_heading = "Filters",
          conflicts_with = "replay")]
    pub(crate) types: Vec<Types>,
    /// Length of an interval: 1s, 500ms (default unit: seconds)
    #[arg(short, long, value_name = "TIME", value_parser = values::period, default_value = "1s")]
    pub(crate) interval: Duration,
    /// What to group waits by initially; key b changes the grouping
    #[arg(long, value_enum, default_value_t, value_name = "KEY")]
    pub(crate) by: By,
    /// Metric to sort by initially; key s changes the metric
    #[arg(long, value_enum, default_value_t, value_name = "METRIC")]
    pub(crate) sort: Sort,
    /// Include idle waits (condition variables, joins, parked threads); key i toggles this
    #[arg(long)]
    pub(crate) idle: bool,
    /// Replay a recording, showing one recorded interval per --interval
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pid", "command"])]
    pub(crate) replay: Option<PathBuf>,
}
