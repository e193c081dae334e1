//! `setup`: makes the machine able to build, or says what that would take.

use ebpf_build::Result;
use serde::Serialize;

use crate::{
    cli,
    context::Context,
    outcome::Outcome,
    report::Report,
    setup::{self, State, Step},
};

/// What setup did, or would do.
#[derive(Debug, Serialize)]
struct Done {
    dry_run: bool,
    steps: Vec<Step>,
    /// What the machine builds with; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<With>,
}

#[derive(Debug, Serialize)]
struct With {
    rustc: String,
    release: String,
    linker: String,
}

/// Runs the command.
pub(crate) fn run(request: &cli::Setup, context: &Context) -> Result<Outcome> {
    let progress = context.console.progress();
    let done = if request.dry_run {
        let mut steps = setup::plan(&context.spawner, &progress)?;
        if request.vm {
            steps.extend(setup::plan_vm(&context.spawner, &progress));
        }
        Done {
            dry_run: true,
            steps,
            with: None,
        }
    } else {
        let (ready, mut steps) = setup::prepare(&context.spawner, &progress)?;
        if request.vm {
            steps.extend(setup::prepare_vm(&context.spawner, &progress)?);
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

impl Report for Done {
    fn human(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let label = match step.state {
                State::Planned => "would run",
                State::Done => "done",
                State::Failed if self.dry_run => "cannot run",
                State::Failed => "failed",
            };
            for command in &step.commands {
                text += &format!("{label}: {command}\n");
            }
            if let Some(note) = &step.note {
                text += &format!("  {note}\n");
            }
        }
        match (&self.with, self.steps.is_empty()) {
            (_, true) => text += "nothing to do: this machine can build for BPF",
            (None, false) => {
                text += "nothing was done; each way is only tried when those before it fail"
            }
            (Some(with), false) => {
                text += &format!(
                    "this machine builds for BPF with rustc {} ({}) and {}",
                    with.release, with.rustc, with.linker
                );
            }
        }
        text
    }
}
