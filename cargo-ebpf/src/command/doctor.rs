//! `doctor`.

use ebpf_build::{Error, Result};

use crate::{cli::Global, outcome::Outcome};

/// Runs the command.
pub fn run(_global: &Global) -> Result<Outcome> {
    Err(Error::new("unfinished", "doctor is not written yet"))
}
