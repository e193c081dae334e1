//! The steps of `setup`, and the tools that it found or installed.

use serde::Serialize;

use super::Report;
use crate::setup::{State, Step};

/// What setup did, or would do.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    pub(crate) dry_run: bool,
    pub(crate) steps: Vec<Step>,
    /// What the machine builds with; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) with: Option<With>,
}

#[derive(Debug, Serialize)]
pub(crate) struct With {
    pub(crate) rustc: String,
    pub(crate) release: String,
    pub(crate) linker: String,
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
                text += "nothing was done. If several ways to install a compiler are listed, setup tries \
                         each only if those before it fail"
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
