//! `doctor`: what is well and what is not, each failure with its fix.

use ebpf_build::{Finding, Result, Severity};
use serde::Serialize;

use crate::{
    context::Context,
    doctor::{self, Group},
    outcome::Outcome,
    report::{Report, human},
};

#[derive(Debug, Serialize)]
struct Examined {
    /// Whether `cargo ebpf build` can work here.
    can_build: bool,
    fine: usize,
    warnings: usize,
    errors: usize,
    groups: Vec<Group>,
}

/// Runs the command.
pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let examined = sum_up(doctor::examine(context.project(), &context.spawner));
    context.console.write(&examined)?;
    Ok(if examined.can_build {
        Outcome::Fine
    } else {
        Outcome::Found
    })
}

fn sum_up(groups: Vec<Group>) -> Examined {
    let count = |severity: Severity| {
        let findings = groups.iter().flat_map(|group| &group.findings);
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let errors = count(Severity::Error);
    Examined {
        can_build: errors == 0,
        fine: count(Severity::Fine),
        warnings: count(Severity::Warning),
        errors,
        groups,
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
            "{} fine, {}, {}: {verdict}",
            self.fine,
            human::counted(self.warnings, "warning"),
            human::counted(self.errors, "error"),
        )
    }
}
