//! `completions`: scripts that complete command lines of `cargo-ebpf`.

use clap::CommandFactory as _;
use ebpf_base::stdout;
use ebpf_build::Result;

use crate::{
    cli::{self, Cli},
    outcome::Outcome,
};

/// The program that shells know: they complete `cargo ebpf` through cargo's own script.
const PROGRAM: &str = "cargo-ebpf";

/// # Errors
/// When stdout cannot be written to.
pub(crate) fn run(request: &cli::Completions) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(request.shell, &mut Cli::command(), PROGRAM, &mut script);
    stdout::write(&script)?;
    Ok(Outcome::Fine)
}
