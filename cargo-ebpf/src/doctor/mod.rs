//! The checks behind `cargo ebpf doctor`: what the machine and the project need for
//! an eBPF build, and what the running kernel needs for its result. Each says what it
//! saw, also when all is well.

mod kernel;
mod project;
mod toolchain;
mod vm;

use ebpf_build::{Finding, Severity};
use serde::Serialize;

use crate::cli::Global;

/// Findings about one thing.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) group: &'static str,
    pub(crate) findings: Vec<Finding>,
}

/// Runs every check.
pub(crate) fn examine(global: &Global) -> Vec<Group> {
    vec![
        Group {
            group: "toolchain",
            findings: toolchain::check(),
        },
        Group {
            group: "project",
            findings: project::check(global),
        },
        Group {
            group: "kernel",
            findings: kernel::check(),
        },
        Group {
            group: "other kernels",
            findings: vec![vm::check(global)],
        },
    ]
}

/// `finding` as one that does not keep the build from working.
fn only_a_warning(mut finding: Finding) -> Finding {
    finding.severity = finding.severity.min(Severity::Warning);
    finding
}
