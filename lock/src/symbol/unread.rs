//! What was not read of files of others, and why.

use std::collections::HashSet;

use ebpf_base::units::plural;

use crate::symbol::ownership::Owner;

/// How many files are counted apart.
const MOST_FILES: usize = 10_000;

/// Why something has no names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Reading the file failed, or took too much memory or time.
    Failed,
    /// The files of its owner took too much time.
    Time,
    /// The unwind information of its owner's files is too large.
    Unwinding,
    /// The names in its owner's files are too long.
    Names,
}

const REASONS: [(Reason, &str); 4] = [
    (
        Reason::Failed,
        "reading failed, or took too much time or memory",
    ),
    (
        Reason::Time,
        "reading all files of the same owner took too much time",
    ),
    (
        Reason::Unwinding,
        "all files of the same owner have more unwind information than the limit, and stacks are \
         cut off at these addresses",
    ),
    (
        Reason::Names,
        "all files of the same owner have more symbol names than the limit",
    ),
];

/// Counts of what was not read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    counts: [(u64, HashSet<(Owner, u64)>); REASONS.len()],
}

impl Unread {
    /// Counts an address, or the unwind information, of a file by its number.
    pub(super) fn add(&mut self, reason: Reason, file: (Owner, u64)) {
        for ((known, _), (times, files)) in REASONS.iter().zip(&mut self.counts) {
            if *known == reason {
                *times = times.saturating_add(1);
                if files.len() < MOST_FILES {
                    files.insert(file);
                }
            }
        }
    }

    /// One sentence per reason.
    pub(super) fn notes(&self) -> Vec<String> {
        REASONS
            .iter()
            .zip(&self.counts)
            .filter(|(_, (times, _))| *times > 0)
            .map(|((_, because), (times, files))| {
                let count = plural(files.len() as u64, "file");
                let addresses = match times {
                    1 => "1 address".to_owned(),
                    times => format!("{times} addresses"),
                };
                format!("functions in {count} have no names ({addresses}): {because}")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::{Reason, Unread};
    use crate::symbol::ownership::Owner;

    #[test]
    fn files_and_addresses_are_counted_per_reason() {
        let mut unread = Unread::default();
        assert_eq!(unread.notes(), [""; 0]);
        let own = File::open("/proc/self/exe").unwrap();
        let owner = Owner::of(&own, std::process::id()).unwrap();
        unread.add(Reason::Failed, (owner, 1));
        unread.add(Reason::Failed, (owner, 1));
        unread.add(Reason::Failed, (owner, 2));
        unread.add(Reason::Time, (owner, 2));
        assert_eq!(
            unread.notes(),
            [
                "functions in 2 files have no names (3 addresses): reading failed, or took too \
                 much time or memory",
                "functions in 1 file have no names (1 address): reading all files of the same owner \
                 took too much time",
            ]
        );
    }
}
