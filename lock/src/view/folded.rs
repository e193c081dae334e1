//! Folded stacks: a line for each stack, its frames from the outermost to the innermost
//! with semicolons between them, then a space and its weight. The input of flamegraph
//! tools.
//!
//! The first frame is the process, then come those of the program and those of the kernel
//! (marked `_[k]`; functions that a program's compiler inlined are marked `_[i]`), and the
//! last one is the lock. The weight is the estimated time of waiting in nanoseconds.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use crate::{
    profile::{
        group::{Estimates, Filter},
        label::or_no_name,
        snapshot::{LockId, ProcessId, Snapshot, StackId, ThreadId},
    },
    view::stack_text::{LineKind, lock_line, outermost_first},
};

/// Whose stacks are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Side {
    /// The waiters' stacks: where they waited.
    #[default]
    Waiters,
    /// The holders' stacks: where they released the lock. The weight is what others waited
    /// for it.
    Holders,
}

impl Side {
    /// Both of them.
    pub(crate) const ALL: [Self; 2] = [Self::Waiters, Self::Holders];
}

/// Whose stack, which, and what was waited for. The stack is missing where a release was
/// not seen, the thread where the holder is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Weighted {
    process: Option<ProcessId>,
    stack: Option<StackId>,
    lock: LockId,
}

/// The folded stacks of one side, sorted, a line each.
pub(crate) fn folded(snapshot: &Snapshot, side: Side, filter: &Filter) -> String {
    let mut text = String::new();
    for (stack, weight) in stacks(snapshot, side, &Estimates::of(snapshot, filter)) {
        // A String takes everything.
        let _ = writeln!(text, "{stack} {weight}");
    }
    text
}

/// The folded stacks of one side with their weights, in nanoseconds.
pub(crate) fn stacks(
    snapshot: &Snapshot,
    side: Side,
    estimates: &Estimates<'_>,
) -> BTreeMap<String, u64> {
    // First by id, so that each stack is put into words once.
    let mut weights: HashMap<Option<Weighted>, u64> = HashMap::new();
    for (site, waits) in estimates.sites() {
        let key = match (side, site.holder) {
            (Side::Waiters, _) => Some((site.thread, Some(site.stack))),
            (Side::Holders, Some(holder)) => Some((holder.thread, holder.stack)),
            (Side::Holders, None) => None,
        }
        .map(|(thread, stack)| Weighted {
            process: process_of(snapshot, thread),
            stack,
            lock: site.lock,
        });
        let weight = weights.entry(key).or_default();
        *weight = weight.saturating_add(waits.wait_ns);
    }
    let mut stacks = BTreeMap::new();
    for (key, weight) in weights {
        if weight > 0 {
            let total: &mut u64 = stacks.entry(in_words(snapshot, key)).or_default();
            *total = total.saturating_add(weight);
        }
    }
    for (lock, waits) in estimates.not_sampled() {
        if waits.wait_ns > 0 {
            let text = format!("(not sampled);{}", last_frame(snapshot, lock));
            let total: &mut u64 = stacks.entry(text).or_default();
            *total = total.saturating_add(waits.wait_ns);
        }
    }
    stacks
}

fn process_of(snapshot: &Snapshot, thread: ThreadId) -> Option<ProcessId> {
    let thread = snapshot.threads.get(thread.index());
    thread.map(|thread| thread.process)
}

fn in_words(snapshot: &Snapshot, key: Option<Weighted>) -> String {
    let Some(Weighted {
        process,
        stack,
        lock,
    }) = key
    else {
        return "(unknown holder)".to_owned();
    };
    let process = process.and_then(|id| snapshot.processes.get(id.index()));
    let mut text = match process {
        Some(process) => escaped(or_no_name(&process.comm)),
        None => "(unknown process)".to_owned(),
    };
    match stack {
        None => text.push_str(";(release not seen)"),
        Some(stack) => {
            for line in outermost_first(snapshot, stack) {
                text.push(';');
                text.push_str(&escaped(&line.text));
                text.push_str(match line.kind {
                    LineKind::User | LineKind::Missing => "",
                    LineKind::UserInlined => "_[i]",
                    LineKind::Kernel => "_[k]",
                });
            }
        }
    }
    text.push(';');
    text.push_str(&last_frame(snapshot, lock));
    text
}

/// The lock as a frame.
fn last_frame(snapshot: &Snapshot, lock: LockId) -> String {
    not_a_number_last(escaped(&lock_line(snapshot, lock)))
}

/// A name that cannot be taken for more than a name: semicolons are colons, line breaks
/// and tabs are spaces, what a terminal or XML would not take is `?`.
fn escaped(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|character| match character {
            ';' => ':',
            '\n' | '\r' | '\t' => ' ',
            // No characters, says Unicode, and not allowed in XML.
            '\u{fffe}' | '\u{ffff}' => '?',
            other if other.is_control() => '?',
            other => other,
        })
        .collect();
    match name.trim() {
        "" => "?".to_owned(),
        // Readers take a line that begins so for a comment.
        comment if comment.starts_with("# ") => comment.replacen("# ", "#_", 1),
        name => name.to_owned(),
    }
}

/// A last frame whose last word is not a number: readers would take two numbers at the end
/// of a line for those of two profiles.
fn not_a_number_last(frame: String) -> String {
    match frame.rsplit_once(' ') {
        Some((rest, last)) if last.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            format!("{rest}_{last}")
        }
        _ => frame,
    }
}

#[cfg(test)]
mod tests {
    use super::{Side, folded, not_a_number_last, stacks};
    use crate::{
        profile::{
            fixtures,
            group::{Estimates, Filter},
            lock_type::{Class, LockType},
        },
        view::hostile_fixtures,
    };

    #[test]
    fn both_sides() {
        let snapshot = fixtures::snapshot();
        insta::assert_snapshot!(
            "waiters",
            folded(&snapshot, Side::Waiters, &Filter::default())
        );
        insta::assert_snapshot!(
            "holders",
            folded(&snapshot, Side::Holders, &Filter::default())
        );
    }

    #[test]
    fn each_side_comes_to_all_that_was_waited() {
        let snapshot = fixtures::snapshot();
        let all: u64 = snapshot
            .locks
            .iter()
            .map(|lock| lock.ranked().total_ns)
            .sum();
        let idle = snapshot
            .locks
            .iter()
            .filter(|lock| lock.lock_type.is_idle());
        let idle: u64 = idle.map(|lock| lock.waits.total_ns).sum();
        for side in [Side::Waiters, Side::Holders] {
            let total = |include_idle| -> u64 {
                let filter = Filter {
                    include_idle,
                    ..Filter::default()
                };
                let estimates = Estimates::of(&snapshot, &filter);
                stacks(&snapshot, side, &estimates).values().sum()
            };
            // Each site is rounded.
            let rounded = snapshot.sites.len() as u64;
            assert!(total(true).abs_diff(all) <= rounded, "{side:?}");
            assert!(total(false).abs_diff(all - idle) <= rounded, "{side:?}");
        }
    }

    #[test]
    fn a_filter_chooses_by_type_and_by_function() {
        let snapshot = fixtures::snapshot();
        let filter = Filter {
            stack: Some("vm_mmap".to_owned()),
            ..Filter::default()
        };
        let text = folded(&snapshot, Side::Waiters, &filter);
        assert!(text.ends_with("[rwsem:W] mmap_lock 24000000\n"), "{text}");
        assert_eq!(text.lines().count(), 1);
        let filter = Filter {
            types: vec![LockType::User(Class::Condvar)],
            ..Filter::default()
        };
        let text = folded(&snapshot, Side::Holders, &filter);
        let weight = text.strip_prefix("(unknown holder) ").unwrap();
        let weight: u64 = weight.trim_end().parse().unwrap();
        assert!(weight.abs_diff(8_000_000_000) <= 3, "{weight}");
    }

    #[test]
    fn every_line_is_a_stack_and_one_number() {
        let everything = Filter {
            include_idle: true,
            ..Filter::default()
        };
        for snapshot in [hostile_fixtures::hostile(), hostile_fixtures::forged()] {
            for side in [Side::Waiters, Side::Holders] {
                for line in folded(&snapshot, side, &everything).lines() {
                    let (stack, weight) = line.rsplit_once(' ').unwrap();
                    weight.parse::<u64>().unwrap();
                    assert!(!stack.starts_with("# ") && !stack.contains(char::is_control));
                    let last = stack.rsplit(' ').next().unwrap();
                    assert!(last.parse::<f64>().is_err(), "{line}");
                    assert!(stack.split(';').all(|frame| !frame.is_empty()), "{line}");
                }
            }
        }
    }

    #[test]
    fn a_name_that_ends_with_a_number_is_not_taken_for_a_weight() {
        for (name, text) in [
            ("[mutex] pool 7", "[mutex] pool_7"),
            ("[mutex] 1.5", "[mutex]_1.5"),
            ("[mutex] 0x7", "[mutex] 0x7"),
            ("[mutex] pool7", "[mutex] pool7"),
        ] {
            assert_eq!(not_a_number_last(name.to_owned()), text);
        }
    }
}
