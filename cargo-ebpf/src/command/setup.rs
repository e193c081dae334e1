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
    let to_boot = match request.arch.as_slice() {
        _ if !request.vm => Vec::new(),
        [] => vec![Architecture::HOST.unwrap_or_default()],
        named => named.to_vec(),
    };
    let done = if request.dry_run {
        let mut steps = setup::plan(&context.spawner, &progress)?;
        for architecture in to_boot {
            steps.extend(setup::plan_vm(architecture, &context.spawner, &progress));
            steps.extend(setup::plan_agent(architecture)?);
        }
        Done {
            dry_run: true,
            steps,
            with: None,
        }
    } else {
        let (ready, mut steps) = setup::prepare(&context.spawner, &progress)?;
        for architecture in to_boot {
            let spawner = &context.spawner;
            steps.extend(setup::prepare_vm(architecture, spawner, &progress)?);
            steps.extend(setup::prepare_agent(architecture, spawner, &progress)?);
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
