//! `kernels`: what objects can be tried on, and fetching it ahead of time.

use ebpf_build::Result;

use crate::{cli, context::Context, kernels, outcome::Outcome, report::kernels::Kernels};

pub(crate) fn run(request: &cli::Kernels, context: &Context) -> Result<Outcome> {
    let progress = context.console.progress();
    let mut kernels = kernels::open(&context.spawner, &progress)?;
    kernels.fetch(&request.fetch)?;
    let kernels = kernels.list()?;
    context.console.write(&Kernels { kernels })?;
    Ok(Outcome::Fine)
}
