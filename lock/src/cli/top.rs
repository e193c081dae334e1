//! Arguments of `top`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    cli::{
        record::What,
        report::{Types, types},
    },
    profile::{figures::Sort, group::By},
};

/// Arguments of `top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) what: What,
    /// Only locks of this type, such as mutex, rwsem, rwsem:R, user-mutex, user; can be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = types, help_heading = "Filters",
          conflicts_with = "replay")]
    pub(crate) types: Vec<Types>,
    /// How long an interval is
    #[arg(short, long, value_name = "SECONDS", value_parser = super::seconds, default_value = "1")]
    pub(crate) interval: Duration,
    /// What a row is at first; the key b changes it
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) by: By,
    /// What rows are ranked by at first; the key s changes it
    #[arg(long, value_enum, default_value_t, value_name = "FIGURE")]
    pub(crate) sort: Sort,
    /// Rank waits for work, too: condition variables, joins, parked threads; the key i
    /// changes it
    #[arg(long)]
    pub(crate) idle: bool,
    /// Show a recording instead, one of its intervals after each --interval
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pid", "command"])]
    pub(crate) replay: Option<PathBuf>,
}
