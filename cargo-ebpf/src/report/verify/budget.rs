//! What has become of `ebpf.lock`: before and after, worst first.

use ebpf_build::Finding;
use serde::Serialize;

use super::human;
use crate::{
    budget::{Breach, Comparison, FILE},
    code::Code,
    report::table,
};

/// What came of holding the verdicts against `ebpf.lock`.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    /// Whether the file was written anew.
    pub updated: bool,
    /// Tools that are others than those that made what the file says: name, before, now.
    /// Their code may cost more or less.
    pub other_tools: Vec<(String, String, String)>,
    /// How it was before.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Held {
    /// Whether all is as the file says, now.
    pub(super) fn is_fine(&self) -> bool {
        self.updated || self.comparison.breaches.is_empty()
    }

    /// Whether no verdict was another than the file says, before it was written anew.
    pub(super) fn has_all_verdicts(&self) -> bool {
        let mut breaches = self.comparison.breaches.iter();
        self.comparison.held > 0 && breaches.all(|breach| breach.growth.is_some())
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let breaches = self.comparison.breaches.iter().filter(|_| !self.updated);
        breaches
            .map(|breach| {
                let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                exceeded(format!(
                    "{} of {} on {}: {}, but {FILE} has {}{}",
                    breach.what,
                    breach.program.as_ref().unwrap_or(&breach.object),
                    breach.kernel.as_deref().unwrap_or("all kernels"),
                    shown(&breach.after),
                    shown(&breach.before),
                    breach.growth.map_or_else(String::new, |growth| format!(
                        " ({growth:+.1} %, more than the tolerance)"
                    )),
                ))
                .at(FILE, None)
            })
            .collect()
    }

    pub(super) fn human(&self) -> String {
        let Comparison {
            breaches,
            improvements,
            held,
        } = &self.comparison;
        let changes = [breaches.as_slice(), improvements].concat();
        if self.updated {
            let written = format!("{FILE} was written");
            return match changes.as_slice() {
                [] => {
                    format!(
                        "{written}: no verdict has changed, and all numbers are within their \
                         tolerances"
                    )
                }
                changes => format!("{written}; what has changed:\n{}", table(changes)),
            };
        }
        let verdicts = human::counted(*held, "verdict");
        let mut parts = Vec::new();
        if !self.other_tools.is_empty() {
            let tools = self.other_tools.iter();
            let tools =
                tools.map(|(name, before, now)| format!("{name} {now} instead of {before}"));
            let tools: Vec<_> = tools.collect();
            parts.push(format!(
                "note: the objects were built with {}, which may explain the changes",
                tools.join("; ")
            ));
        }
        if breaches.is_empty() {
            parts.push(format!("{verdicts} and their numbers match {FILE}"));
        } else {
            parts.push(table(breaches));
            let finding = exceeded(format!(
                "{} from {FILE} ({verdicts} checked)",
                things(breaches)
            ))
            .fix("simplify the program; or, if the change is intended: cargo ebpf verify --update");
            parts.push(human::finding(&finding));
        }
        if !improvements.is_empty() {
            parts.push(format!(
                "improved since {FILE} was written (record this with `cargo ebpf verify --update`):\n{}",
                table(improvements)
            ));
        }
        parts.join("\n\n")
    }
}

fn exceeded(message: String) -> Finding {
    Finding::error(Code::BudgetExceeded, message)
}

fn things(breaches: &[Breach]) -> String {
    match breaches.len() {
        1 => "1 value differs".to_owned(),
        count => format!("{count} values differ"),
    }
}

fn table(breaches: &[Breach]) -> String {
    let mut table = table::new(
        [
            "object", "program", "kernel", "what", "before", "after", "change",
        ],
        4..,
    );
    for breach in breaches {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([
            breach.object.clone(),
            shown(&breach.program),
            shown(&breach.kernel),
            breach.what.to_owned(),
            shown(&breach.before),
            shown(&breach.after),
            breach
                .growth
                .map_or_else(String::new, |growth| format!("{growth:+.1} %")),
        ]);
    }
    table::flush_left(table)
}
