//! The checks behind `cargo ebpf doctor`: what the machine and the project need for
//! an eBPF build, and what the running kernel needs for its result. Each says what it
//! saw, also when all is well.

mod editor;
mod kernel;
mod project;
mod toolchain;
mod vm;

use ebpf_build::{Finding, Result, Severity};
use serde::Serialize;

use crate::{host::process::Spawner, project::Project};

/// Findings about one thing.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) group: &'static str,
    pub(crate) findings: Vec<Finding>,
}

/// Runs every check.
pub(crate) fn examine(project: Result<Project>, spawner: &Spawner) -> Vec<Group> {
    let editors = editor::check(project.as_ref().ok(), spawner);
    vec![
        Group {
            group: "toolchain",
            findings: toolchain::check(project.as_ref().ok()),
        },
        Group {
            group: "project",
            findings: project::check(project),
        },
        Group {
            group: "editors",
            findings: editors,
        },
        Group {
            group: "kernel",
            findings: kernel::check(),
        },
        Group {
            group: "other kernels",
            findings: vec![vm::check(spawner)],
        },
    ]
}

/// `finding` as one that does not keep the build from working.
fn only_a_warning(mut finding: Finding) -> Finding {
    finding.severity = finding.severity.min(Severity::Warning);
    finding
}
