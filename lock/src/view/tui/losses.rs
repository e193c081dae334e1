//! What is missing from the values, by cause.

use crate::{profile::snapshot::Snapshot, view::tui::cells};

/// Causes and how much of each there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Waits that are in no figure: cause, count.
    waits: [(&'static str, u64); 4],
    /// Samples that are in no estimate, or without their stack.
    samples: [(&'static str, u64); 3],
}

impl Losses {
    /// Those of a snapshot.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let accounting = &snapshot.accounting;
        let (kernel, user) = (accounting.kernel.lost, accounting.user.lost);
        let missed = snapshot
            .hooks
            .iter()
            .fold(0_u64, |sum, hook| sum.saturating_add(hook.missed));
        let both = |a: u64, b: u64| a.saturating_add(b);
        Self {
            waits: [
                (
                    "thread table full",
                    both(kernel.table_full, user.table_full),
                ),
                ("nested too deeply", both(kernel.nested, user.nested)),
                (
                    "end event missed",
                    both(kernel.end_not_seen, user.end_not_seen),
                ),
                (
                    "program already running on that CPU (events of any process)",
                    missed,
                ),
            ],
            samples: [
                ("ring buffer full", accounting.samples.buffer_full),
                (
                    "without a stack: too many distinct ones",
                    accounting.samples.stacks_full,
                ),
                (
                    "without a stack: not walkable",
                    accounting.samples.stack_unreadable,
                ),
            ],
        }
    }

    /// How many waits are in no figure.
    pub(crate) fn total(&self) -> u64 {
        self.waits
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// All that was lost, a line for each cause.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut lines = self.lines("waits lost", &self.waits);
        lines.extend(self.lines("samples lost", &self.samples));
        lines
    }

    fn lines(&self, what: &str, causes: &[(&str, u64)]) -> Vec<String> {
        causes
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(cause, count)| format!("{} {what}: {cause}", cells::count(*count)))
            .collect()
    }
}
