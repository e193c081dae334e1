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
                    "waits lost: thread table full",
                    both(kernel.table_full, user.table_full),
                ),
                (
                    "waits lost: nested too deeply",
                    both(kernel.nested, user.nested),
                ),
                (
                    "waits lost: end event missed",
                    both(kernel.end_not_seen, user.end_not_seen),
                ),
                (
                    "events lost: BPF program already running on the same CPU (all processes)",
                    missed,
                ),
            ],
            samples: [
                (
                    "samples lost: ring buffer full",
                    accounting.samples.buffer_full,
                ),
                (
                    "samples without a stack: --max-stacks reached",
                    accounting.samples.stacks_full,
                ),
                (
                    "samples without a stack: the kernel could not unwind it",
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
        self.waits
            .iter()
            .chain(&self.samples)
            .filter(|(_, count)| *count > 0)
            .map(|(cause, count)| format!("{} {cause}", cells::count(*count)))
            .collect()
    }
}
