//! `setup`: makes the machine able to build, or says what that would take.

use ebpf_build::Result;
use ebpf_kernels::Architecture;

use crate::{
    cli,
    context::Context,
    outcome::Outcome,
    report::setup::{Done, With},
    setup,
};

pub(crate) fn run(request: &cli::Setup, context: &Context) -> Result<Outcome> {
    let progress = context.console.progress();
    let architecture = Architecture::HOST.unwrap_or_default();
    let done = if request.dry_run {
        let mut steps = setup::plan(&context.spawner, &progress)?;
        if request.vm {
            steps.extend(setup::plan_vm(architecture, &context.spawner, &progress));
        }
        Done {
            dry_run: true,
            steps,
            with: None,
        }
    } else {
        let (ready, mut steps) = setup::prepare(&context.spawner, &progress)?;
        if request.vm {
            steps.extend(setup::prepare_vm(
                architecture,
                &context.spawner,
                &progress,
            )?);
        }
        Done {
            dry_run: false,
            steps,
            with: Some(With {
                rustc: ready.toolchain.rustc.display().to_string(),
                release: ready.toolchain.release,
                linker: ready.linker.path.display().to_string(),
            }),
        }
    };
    context.console.write(&done)?;
    Ok(Outcome::Fine)
}
