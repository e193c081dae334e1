//! `kernels`: what objects can be tried on, and fetching it ahead of time.

use ebpf_build::Result;

use crate::{
    cli::{self, Global},
    kernels,
    outcome::Outcome,
    progress::Display,
    report::{self, kernels::Kernels},
};

/// Runs the command.
pub(crate) fn run(request: &cli::Kernels, global: &Global) -> Result<Outcome> {
    let progress = Display::new();
    let kernels = kernels::list(&request.fetch, global, &progress)?;
    report::write(&Kernels { kernels }, global.format)?;
    Ok(Outcome::Fine)
}
