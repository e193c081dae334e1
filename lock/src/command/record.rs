//! `lock record`: the pipeline from programs to report.

use std::process::ExitCode;

use crate::{
    cli,
    error::{Error, Result},
};

/// Records, then reports.
pub(crate) fn run(_arguments: cli::Record) -> Result<ExitCode> {
    Err(Error::new("in-the-works", "recording is being rebuilt"))
}
