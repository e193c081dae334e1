//! What is to be recorded, and within which bounds: validated, and the same for every command
//! that records.

use std::time::Duration;

use lock_common::SLEEPS_PER_THREAD;

use crate::profile::{lock_type::LockType, snapshot::Scope};

/// A request to record.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Whose waits.
    pub(crate) scope: Scope,
    /// Which of these.
    pub(crate) filters: Filters,
    /// Whether the stack of every wait is taken.
    pub(crate) exact: bool,
    /// Which user stacks are taken.
    pub(crate) user_stacks: UserStacks,
    /// How many bytes of a user stack are copied.
    pub(crate) stack_bytes: u32,
    /// How large the tables are.
    pub(crate) limits: Limits,
}

/// Which waits' user stacks are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserStacks {
    /// Those of waits for user locks, and of sampled waits for kernel locks that may sleep;
    /// with `exact` only those of waits for user locks.
    Auto,
    /// Those of all waits whose stack is taken.
    All,
    /// Those of waits for user locks only.
    User,
}

/// What is let through, beside the scope. Empty: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    /// Threads.
    pub(crate) tids: Vec<u32>,
    /// Names of threads.
    pub(crate) comms: Vec<String>,
    /// Cgroups: a path, and the number of its folder, which is what the kernel knows it by.
    pub(crate) cgroups: Vec<(String, u64)>,
    pub(crate) cpus: Vec<u32>,
    /// Types of locks. The kernel side does not know the class of a user lock, so any of them
    /// selects all user locks.
    pub(crate) types: Vec<LockType>,
    /// Addresses of locks.
    pub(crate) addresses: Vec<u64>,
    /// The shortest wait.
    pub(crate) min_wait: Duration,
}

/// How large the tables in the kernel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rows of locks: a lock has one for each two powers of two that its waits fall into.
    pub(crate) locks: u32,
    /// Distinct kernel stacks.
    pub(crate) stacks: u32,
    /// Threads that wait, dead ones not counted. A power of two.
    pub(crate) threads: u32,
    /// The buffer for samples, in bytes. A power of two, and a multiple of a page.
    pub(crate) buffer: u32,
}

impl Limits {
    /// How many rows a lock has about.
    pub(crate) const ROWS_PER_LOCK: u32 = 4;
}

const _: () = assert!(SLEEPS_PER_THREAD > 1, "a percpu-rwsem's writer has two");

impl Default for Limits {
    fn default() -> Self {
        Self {
            locks: 4096 * Self::ROWS_PER_LOCK,
            stacks: 8192,
            threads: 16384,
            buffer: 16 << 20,
        }
    }
}

impl Filters {
    /// Each in words, for the report.
    pub(crate) fn words(&self) -> Vec<String> {
        let Self {
            tids,
            comms,
            cgroups,
            cpus,
            types,
            addresses,
            min_wait,
        } = self;
        let mut words = Vec::new();
        let mut add = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                words.push(format!("{name} {}", values.join(" or ")));
            }
        };
        add("thread", tids.iter().map(u32::to_string).collect());
        add("thread name", comms.clone());
        add(
            "cgroup",
            cgroups.iter().map(|(path, _)| path.clone()).collect(),
        );
        add("CPU", cpus.iter().map(u32::to_string).collect());
        add("type", types.iter().map(LockType::to_string).collect());
        add(
            "address",
            addresses.iter().map(|a| format!("{a:#x}")).collect(),
        );
        if !min_wait.is_zero() {
            words.push(format!("waits of at least {min_wait:?}"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Filters;
    use crate::profile::lock_type::LockType;

    #[test]
    fn filters_are_told_in_words() {
        let filters = Filters {
            cpus: vec![0, 2],
            types: vec![LockType::Kernel(lock_common::flag::MUTEX)],
            min_wait: Duration::from_millis(1),
            ..Filters::default()
        };
        assert_eq!(
            filters.words(),
            ["CPU 0 or 2", "type mutex", "waits of at least 1ms"]
        );
        assert!(Filters::default().words().is_empty());
    }
}
