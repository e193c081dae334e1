//! `run`.

use ebpf_build::{Error, Result};

use crate::{
    cli::{self, Global},
    outcome::Outcome,
};

/// Runs the command.
pub fn run(_request: &cli::Run, _global: &Global) -> Result<Outcome> {
    Err(Error::new("unfinished", "run is not written yet"))
}
