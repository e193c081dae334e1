//! Chains of waits, in words.

use ebpf_base::units::{plural, time};

use crate::{
    profile::{
        group::lock_labels,
        snapshot::{Chain, Snapshot},
    },
    view::{table::columns::cut, untrusted},
};

/// How many chains are shown.
const SHOWN: usize = 5;

/// A chain is shown if its waits are at least one in this many of all waiting for locks.
const LEAST: u64 = 100;

/// The chains that cost most. Empty without any.
pub(super) fn section(snapshot: &Snapshot, width: Option<u16>) -> String {
    let waiting = snapshot
        .locks
        .iter()
        .filter(|lock| !lock.lock_type.is_idle())
        .fold(0_u64, |sum, lock| {
            sum.saturating_add(lock.ranked().total_ns)
        });
    let matters = |chain: &&Chain| chain.waits.wait_ns.saturating_mul(LEAST) >= waiting;
    let mut chains: Vec<&Chain> = snapshot.chains.iter().filter(matters).collect();
    if chains.is_empty() {
        return String::new();
    }
    // Stable: chains of the same time stay in the order of the recording.
    chains.sort_by_key(|chain| std::cmp::Reverse(chain.waits.wait_ns));
    let labels = lock_labels(snapshot);
    let mut lines = vec![format!(
        "Wait chains{}:",
        match chains.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" (the first {SHOWN}; {more} more in --format json)"),
        }
    )];
    for chain in chains.iter().take(SHOWN) {
        let error = match chain.waits.wait_error_ns() {
            0 => String::new(),
            ns => format!(" ±{}", time(ns)),
        };
        lines.push(format!(
            "  {}{error} in {}:",
            time(chain.waits.wait_ns),
            plural(chain.waits.count, "wait")
        ));
        for (index, link) in chain.links.iter().enumerate() {
            let lock_type = snapshot.locks.get(link.lock.index());
            let lock = labels.get(&link.lock).map_or("(missing)", String::as_str);
            lines.push(format!(
                "    {} {} for {} {lock}, held by",
                snapshot.thread_name(link.thread),
                if index == 0 { "waits" } else { "which waits" },
                lock_type.map_or_else(|| "lock".to_owned(), |lock| lock.lock_type.to_string()),
            ));
        }
        lines.push(match chain.end {
            Some(thread) => format!("    {}", snapshot.thread_name(thread)),
            None => "    an unknown thread".to_owned(),
        });
    }
    let width = width.map_or(usize::MAX, usize::from);
    let mut text = "\n".to_owned();
    for line in lines {
        text += &cut(&untrusted::line(&line), width);
        text.push('\n');
    }
    text
}
