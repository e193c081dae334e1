//! Arguments of `lock doctor`.

use clap::{Args, ValueEnum};

use crate::cli::record::Bounds;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How large the tables would be.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// How what was found is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Output formats of `doctor`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One versioned JSON document
    Json,
}
