//! Threads that wait for each other: none of them can go on.

use std::collections::HashMap;

use crate::profile::snapshot::{OpenWait, Snapshot, ThreadId};

/// A cycle of open waits, as indices into [`Snapshot::open`]: each is for a lock that the thread
/// of the next one has, and the last for one of the first's.
pub(crate) type Deadlock = Vec<usize>;

impl Snapshot {
    /// The deadlocks among the threads that waited at the end. Waits with a timeout are none.
    pub(crate) fn deadlocks(&self) -> Vec<Deadlock> {
        let by_thread: HashMap<ThreadId, usize> = self
            .open
            .iter()
            .enumerate()
            .filter(|(_, wait)| !wait.has_timeout)
            .map(|(index, wait)| (wait.thread, index))
            .collect();
        let next = |index: usize| {
            let holder = self
                .open
                .get(index)
                .and_then(|wait: &OpenWait| wait.holder)?;
            by_thread.get(&holder).copied()
        };
        let mut found = Vec::new();
        let mut seen = vec![false; self.open.len()];
        for start in by_thread.values().copied() {
            let mut path = Vec::new();
            let mut at = Some(start);
            while let Some(index) = at
                && seen.get(index) == Some(&false)
            {
                if let Some(seen) = seen.get_mut(index) {
                    *seen = true;
                }
                path.push(index);
                at = next(index);
            }
            // Where it comes back to its own path, and not to that of another start.
            let cycle = at.and_then(|index| path.iter().position(|&member| member == index));
            if let Some(begin) = cycle {
                let mut members = path.split_off(begin);
                let first = members.iter().enumerate().min_by_key(|(_, index)| **index);
                let first = first.map_or(0, |(position, _)| position);
                members.rotate_left(first);
                found.push(members);
            }
        }
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::snapshot::{LockId, OpenWait, Snapshot, ThreadId};

    /// Threads that wait, each for one that the other one of the pair has.
    fn snapshot(waits: &[(u32, Option<u32>)]) -> Snapshot {
        let open = waits.iter().map(|&(thread, holder)| OpenWait {
            lock: LockId(0),
            stack: None,
            thread: ThreadId(thread),
            waited_ns: 1,
            at_least: false,
            has_timeout: false,
            holder: holder.map(ThreadId),
        });
        Snapshot {
            open: open.collect(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_cycle_is_a_deadlock_and_who_waits_for_it_is_no_part_of_it() {
        let snapshot = snapshot(&[
            (1, Some(2)),
            (2, Some(3)),
            (3, Some(2)),
            (4, Some(9)),
            (5, None),
        ]);
        assert_eq!(snapshot.deadlocks(), [vec![1, 2]]);
    }

    #[test]
    fn a_thread_can_wait_for_itself() {
        assert_eq!(snapshot(&[(1, Some(1))]).deadlocks(), [vec![0]]);
    }

    #[test]
    fn two_deadlocks_are_two() {
        let snapshot = snapshot(&[(1, Some(2)), (4, Some(3)), (2, Some(1)), (3, Some(4))]);
        assert_eq!(snapshot.deadlocks(), [vec![0, 2], vec![1, 3]]);
    }

    #[test]
    fn a_wait_with_a_timeout_ends_by_itself() {
        let mut snapshot = snapshot(&[(1, Some(2)), (2, Some(1))]);
        snapshot.open[1].has_timeout = true;
        assert!(snapshot.deadlocks().is_empty());
    }
}
