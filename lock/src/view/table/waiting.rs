//! What leads the report: threads that cannot go on, or had not for long when it ended.

use std::collections::HashMap;

use ebpf_base::units::{plural, time};

use crate::{
    profile::{
        group::{Filter, lock_labels},
        snapshot::{LockId, OpenWait, Snapshot},
    },
    view::untrusted,
};

/// From this length on, in nanoseconds, an open wait leads the report.
const LONG_NS: u64 = 1_000_000_000;

/// How many of these are shown one by one.
const SHOWN: usize = 5;

/// Deadlocks, and other threads that have waited for long.
pub(super) fn lines(snapshot: &Snapshot, filter: &Filter) -> Vec<String> {
    let labels = lock_labels(snapshot);
    let deadlocks = snapshot.deadlocks();
    let mut lines = Vec::new();
    for deadlock in &deadlocks {
        let threads = plural(deadlock.len() as u64, "thread");
        lines.push(format!("DEADLOCK of {threads}: none of them can continue."));
        let members: Vec<&OpenWait> = deadlock
            .iter()
            .filter_map(|&index| snapshot.open.get(index))
            .collect();
        for (position, wait) in members.iter().enumerate() {
            let before = position.checked_sub(1).unwrap_or(members.len() - 1);
            let has = members.get(before).map_or_else(String::new, |before| {
                format!("holds {}, and ", lock_name(snapshot, &labels, before.lock))
            });
            lines.push(format!(
                "  {} {has}waits for {}",
                snapshot.thread_name(wait.thread),
                description(snapshot, &labels, wait)
            ));
        }
    }
    let mut long: Vec<&OpenWait> = snapshot
        .open
        .iter()
        .enumerate()
        .filter(|(index, _)| !deadlocks.iter().flatten().any(|member| member == index))
        .map(|(_, wait)| wait)
        .filter(|wait| wait.at_least || wait.waited_ns >= LONG_NS)
        .filter(|wait| is_known_lock(snapshot, filter, wait.lock))
        .collect();
    long.sort_by_key(|wait| std::cmp::Reverse(wait.waited_ns));
    lines.extend(long.iter().take(SHOWN).map(|wait| {
        format!(
            "Still waiting at the end: {} for {}",
            snapshot.thread_name(wait.thread),
            description(snapshot, &labels, wait)
        )
    }));
    if let Some(more) = long.len().checked_sub(SHOWN + 1) {
        lines.push(format!("and {} more", more + 1));
    }
    lines
        .iter()
        .map(|line| untrusted::line(line).into_owned())
        .collect()
}

/// Whether it is known to be a lock, and one that is asked for.
fn is_known_lock(snapshot: &Snapshot, filter: &Filter, lock: LockId) -> bool {
    let lock = snapshot.locks.get(lock.index());
    lock.is_some_and(|lock| {
        let lock_type = lock.lock_type;
        lock_type.is_lock() && filter.matches_type(lock_type)
    })
}

fn lock_name(snapshot: &Snapshot, labels: &HashMap<LockId, String>, lock: LockId) -> String {
    let label = labels.get(&lock).map_or("(missing)", String::as_str);
    match snapshot.locks.get(lock.index()) {
        Some(lock) => format!("{} {label}", lock.lock_type),
        None => label.to_owned(),
    }
}

/// A lock, where it is waited for, since when, and who has it.
pub(super) fn description(
    snapshot: &Snapshot,
    labels: &HashMap<LockId, String>,
    wait: &OpenWait,
) -> String {
    let mut text = lock_name(snapshot, labels, wait.lock);
    if let (Some(stack), Some(lock)) = (wait.stack, snapshot.locks.get(wait.lock.index())) {
        let caller = format!("in {}", snapshot.caller(stack, lock.lock_type));
        if !text.contains(&caller) {
            text += &format!(", {caller}");
        }
    }
    if let Some(holder) = wait.holder {
        text += &match holder == wait.thread {
            true => ", which it holds itself".to_owned(),
            false => format!(", held by {}", snapshot.thread_name(holder)),
        };
    }
    let waited = time(wait.waited_ns);
    text + &match wait.at_least {
        true => format!(" (more than {waited}: since before recording began)"),
        false => format!(" ({waited} so far)"),
    }
}
