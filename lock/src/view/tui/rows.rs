//! Finding rows: again in the next interval, and by a text.

use crate::profile::{group::Row, lock_type::LockType, snapshot::Snapshot};

/// What a row is, so that it is found again in the next interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowKey {
    label: String,
    lock_type: Option<LockType>,
    /// Of a stack: the functions.
    frames: Vec<String>,
}

impl RowKey {
    /// That of a row.
    pub(super) fn of(snapshot: &Snapshot, row: &Row) -> Self {
        Self {
            label: row.label.clone(),
            lock_type: row.lock_type,
            frames: frames(snapshot, row).collect(),
        }
    }

    /// Whether a row, perhaps of another interval, is this one.
    pub(super) fn is(&self, snapshot: &Snapshot, row: &Row) -> bool {
        self.label == row.label
            && self.lock_type == row.lock_type
            && frames(snapshot, row).eq(self.frames.iter().cloned())
    }
}

fn frames<'a>(snapshot: &'a Snapshot, row: &Row) -> impl Iterator<Item = String> + use<'a> {
    let stack = row.stack.and_then(|id| snapshot.stacks.get(id.index()));
    stack
        .into_iter()
        .flat_map(|stack| stack.kernel.iter().chain(&stack.user))
        .map(|&frame| snapshot.frame_name(frame))
}

/// Whether a row's name or type has this, in small letters, in it.
pub(super) fn has_name(row: &Row, wanted: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    has(&row.label) || row.lock_type.is_some_and(|of| has(&of.to_string()))
}

/// Whether a sampled wait of a row has this in the name of a function on its stack.
pub(super) fn on_stack(snapshot: &Snapshot, row: &Row, text: &str) -> bool {
    row.sites.iter().any(|&site| {
        let site = snapshot.sites.get(site);
        site.is_some_and(|site| snapshot.stack_contains(site.stack, text))
    })
}
