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
    if !request.fetch.is_empty() {
        kernels::fetch(&request.fetch, global, &progress)?;
    }
    let kernels = kernels::known(global, &progress)?;
    report::write(&Kernels { kernels }, global.format)?;
    Ok(Outcome::Fine)
}
