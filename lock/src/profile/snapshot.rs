//! What was recorded: plain data with everything that a report needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::profile::lock_type::LockType;

/// One recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Whose waits were recorded.
    pub(crate) scope: Scope,
    /// Whether `lock`'s own waits are among them.
    pub(crate) own_included: bool,
    /// How long, in nanoseconds.
    pub(crate) duration_ns: u64,
    /// The tracepoints used.
    pub(crate) hooks: Vec<Hook>,
    /// The programs' counters.
    pub(crate) counts: Counts,
    /// Waits that ended, added up.
    pub(crate) ended: Vec<Ended>,
    /// Waits that had not ended.
    pub(crate) open: Vec<Open>,
    /// Stack id -> return addresses, innermost first.
    pub(crate) stacks: BTreeMap<u32, Vec<u64>>,
    /// Return address -> function. An address without a function is not here.
    pub(crate) functions: BTreeMap<u64, String>,
    /// Why there are no function names, where there are none.
    pub(crate) nameless: Option<String>,
}

/// Whose waits are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Scope {
    /// Everybody's, except those of `lock` itself where it can tell them.
    System,
    /// Those of a process and its new children.
    Process {
        /// Its number.
        pid: u32,
    },
    /// Those of a command and its children.
    Command {
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// A tracepoint that a program was attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hook {
    /// Its name.
    pub(crate) name: String,
    /// How many of its events, of any process, the kernel kept from the program because
    /// it was running on that CPU already (`recursion_misses`).
    pub(crate) missed: u64,
}

/// What the programs counted: events, each in one of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Begins of waits.
    pub(crate) begins: u64,
    /// Of these, repeats within a wait.
    pub(crate) repeats: u64,
    /// Waits that were lost.
    pub(crate) lost: Lost,
    /// Waits that were recorded without their stack.
    pub(crate) stack_lost: StackLost,
    /// Ends of waits whose begin was not seen.
    pub(crate) ends_without_begin: u64,
    /// Children that could not be followed.
    pub(crate) children_not_followed: u64,
}

/// Waits that were lost, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lost {
    /// The map of sleeping waits was full.
    pub(crate) map_full: u64,
    /// The map of sleeping waits could not be changed at that moment.
    pub(crate) map_busy: u64,
    /// Too many spinning waits within one another.
    pub(crate) nested: u64,
    /// The end was not seen.
    pub(crate) end_not_seen: u64,
}

/// Waits that were recorded without their stack, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StackLost {
    /// Another stack had its place.
    pub(crate) collision: u64,
    /// The kernel could not walk it.
    pub(crate) unreadable: u64,
    /// No memory to keep it.
    pub(crate) no_memory: u64,
    /// No row for it in the table of totals.
    pub(crate) table_full: u64,
}

impl Lost {
    /// Causes in words, with their counts.
    pub(crate) fn causes(&self) -> [(&'static str, u64); 4] {
        let Self {
            map_full,
            map_busy,
            nested,
            end_not_seen,
        } = *self;
        [
            ("too many threads waiting at once", map_full),
            ("busy bucket of the map", map_busy),
            ("nested too deep", nested),
            ("end not seen", end_not_seen),
        ]
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.causes().iter().map(|(_, count)| count).sum()
    }
}

impl StackLost {
    /// Causes in words, with their counts.
    pub(crate) fn causes(&self) -> [(&'static str, u64); 4] {
        let Self {
            collision,
            unreadable,
            no_memory,
            table_full,
        } = *self;
        [
            ("hash collision", collision),
            ("not readable", unreadable),
            ("too many different stacks", no_memory),
            ("too many rows", table_full),
        ]
    }
}

/// Waits of one lock type with one stack that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The type of the lock.
    pub(crate) lock_type: LockType,
    /// A stack id; none if the stack was lost.
    pub(crate) stack: Option<u32>,
    /// What they come to.
    pub(crate) waits: Waits,
}

/// What waits come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waits {
    /// Waits that ended with the lock.
    pub(crate) count: u64,
    /// Their time together, in nanoseconds.
    pub(crate) total_ns: u64,
    /// The shortest, in nanoseconds; zero if there is none.
    pub(crate) min_ns: u64,
    /// The longest, in nanoseconds.
    pub(crate) max_ns: u64,
    /// Waits that ended without the lock; in none of the fields above.
    pub(crate) not_acquired: u64,
    /// Their time together, in nanoseconds.
    pub(crate) not_acquired_ns: u64,
}

impl Waits {
    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            count,
            total_ns,
            min_ns,
            max_ns,
            not_acquired,
            not_acquired_ns,
        } = *other;
        if count > 0 {
            self.min_ns = if self.count == 0 {
                min_ns
            } else {
                self.min_ns.min(min_ns)
            };
            self.max_ns = self.max_ns.max(max_ns);
        }
        self.count += count;
        self.total_ns += total_ns;
        self.not_acquired += not_acquired;
        self.not_acquired_ns += not_acquired_ns;
    }

    /// The mean wait for the lock, in nanoseconds; zero if there is none.
    pub(crate) fn average_ns(&self) -> u64 {
        self.total_ns.checked_div(self.count).unwrap_or(0)
    }
}

/// A wait that had not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// The type of the lock.
    pub(crate) lock_type: LockType,
    /// A stack id; none if the stack was lost.
    pub(crate) stack: Option<u32>,
    /// The waiting thread.
    pub(crate) tid: u32,
    /// How long it had waited by then, in nanoseconds.
    pub(crate) waited_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::Waits;

    #[test]
    fn adding_keeps_the_extremes_and_ignores_those_of_nothing() {
        let some = Waits {
            count: 2,
            total_ns: 30,
            min_ns: 10,
            max_ns: 20,
            ..Waits::default()
        };
        let failed = Waits {
            not_acquired: 1,
            not_acquired_ns: 99,
            ..Waits::default()
        };
        let mut sum = Waits::default();
        sum.add(&failed);
        sum.add(&some);
        sum.add(&failed);
        sum.add(&Waits {
            count: 1,
            total_ns: 5,
            min_ns: 5,
            max_ns: 5,
            ..Waits::default()
        });
        assert_eq!(
            sum,
            Waits {
                count: 3,
                total_ns: 35,
                min_ns: 5,
                max_ns: 20,
                not_acquired: 2,
                not_acquired_ns: 198,
            }
        );
        assert_eq!(sum.average_ns(), 11);
        assert_eq!(Waits::default().average_ns(), 0);
    }
}
