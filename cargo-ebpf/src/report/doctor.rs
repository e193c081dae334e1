//! The checks of `doctor`: what each found, and their number.

use ebpf_build::{Finding, Severity};
use serde::Serialize;

use super::{Report, human};
use crate::doctor::Group;

#[derive(Debug, Serialize)]
pub(crate) struct Examined {
    /// Whether `cargo ebpf build` can work here.
    pub(crate) can_build: bool,
    fine: usize,
    warnings: usize,
    errors: usize,
    groups: Vec<Group>,
}

impl Examined {
    /// Counts the findings of `groups`.
    pub(crate) fn new(groups: Vec<Group>) -> Self {
        let count = |severity: Severity| {
            let findings = groups.iter().flat_map(|group| &group.findings);
            findings
                .filter(|finding| finding.severity == severity)
                .count()
        };
        let errors = count(Severity::Error);
        Self {
            can_build: errors == 0,
            fine: count(Severity::Fine),
            warnings: count(Severity::Warning),
            errors,
            groups,
        }
    }
}

impl Report for Examined {
    fn findings(&self) -> Vec<Finding> {
        let groups = self.groups.iter();
        groups.flat_map(|group| group.findings.clone()).collect()
    }

    fn human(&self) -> String {
        let mut text = String::new();
        for Group { group, findings } in &self.groups {
            text += group;
            for finding in findings {
                text += "\n  ";
                text += &human::finding(finding).replace('\n', "\n  ");
            }
            text += "\n\n";
        }
        let verdict = if self.can_build {
            "eBPF crates can be built here"
        } else {
            "eBPF crates cannot be built here yet"
        };
        text + &format!(
            "{} passed, {}, {}: {verdict}",
            self.fine,
            human::counted(self.warnings, "warning"),
            human::counted(self.errors, "error"),
        )
    }
}
