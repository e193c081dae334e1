//! `setup`.

use ebpf_build::{Error, Result};

use crate::{
    cli::{self, Global},
    outcome::Outcome,
};

/// Runs the command.
pub fn run(_request: &cli::Setup, _global: &Global) -> Result<Outcome> {
    Err(Error::new("unfinished", "setup is not written yet"))
}
