//! Arguments of `lock doctor`.

use clap::Args;

use crate::cli::{Format, record::Bounds};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How large the tables would be.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
