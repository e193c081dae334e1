//! `completions`: scripts that complete command lines of `cargo-ebpf`.

use clap::CommandFactory as _;
use ebpf_base::stdout;
use ebpf_build::Result;

use crate::{
    cli::{self, Cli},
    outcome::Outcome,
};

/// The program whose command lines are completed. Those of `cargo ebpf` belong to the completion
/// script of cargo.
const PROGRAM: &str = "cargo-ebpf";

/// # Errors
/// When stdout cannot be written to.
pub(crate) fn run(request: &cli::Completions) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(request.shell, &mut Cli::command(), PROGRAM, &mut script);
    stdout::write(&script)?;
    Ok(Outcome::Fine)
}
