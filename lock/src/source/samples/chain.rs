//! Chains of waits: a holder that waited itself while others waited for it.

use std::collections::{HashMap, VecDeque};

use lock_common::ThreadRef;

use crate::source::totals::LockKey;

/// How many waits of a thread are remembered, and of how many threads.
const RECENT: usize = 16;
const RECENT_THREADS: usize = 65536;
/// The longest chain that is followed.
const LONGEST: usize = 6;

/// A wait that has ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) thread: ThreadRef,
    pub(super) lock: LockKey,
    /// CLOCK_MONOTONIC, nanoseconds.
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) holder: Option<ThreadRef>,
}

/// Waits of which each was for the holder of the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Who waited, and for which lock.
    pub(super) links: Vec<(ThreadRef, LockKey)>,
    /// The last holder.
    pub(super) end: Option<ThreadRef>,
    /// For how long all of them waited at once, in nanoseconds.
    pub(super) wait_ns: u64,
}

/// The latest waits of each thread.
#[derive(Debug, Default)]
pub(super) struct RecentWaits(HashMap<u32, VecDeque<Ended>>);

impl RecentWaits {
    /// The chain that begins with a wait: if the holder waited itself meanwhile, for what, and
    /// who held that. Not if it waited for the same lock: that is a queue.
    pub(super) fn chain(&self, wait: &Ended) -> Option<Chain> {
        let mut window = (wait.start_ns, wait.end_ns);
        let mut links = vec![(wait.thread, wait.lock)];
        let mut next = wait.holder;
        while let Some(thread) = next
            && links.len() < LONGEST
            && links.iter().all(|(member, _)| member.tid() != thread.tid())
        {
            let overlap = |recent: &&Ended| {
                let begin = recent.start_ns.max(window.0);
                recent.end_ns.min(window.1).saturating_sub(begin)
            };
            let Some(recent) = self
                .0
                .get(&thread.tid())
                .and_then(|recent| {
                    let other = |recent: &&Ended| !links.iter().any(|it| it.1 == recent.lock);
                    recent.iter().filter(other).max_by_key(overlap)
                })
                // What kept the holder for less than a tenth of the wait is not why.
                .filter(|recent| overlap(recent) > window.1.saturating_sub(window.0) / 10)
            else {
                break;
            };
            window = (recent.start_ns.max(window.0), recent.end_ns.min(window.1));
            links.push((thread, recent.lock));
            next = recent.holder;
        }
        (links.len() > 1).then(|| Chain {
            links,
            end: next,
            wait_ns: window.1.saturating_sub(window.0),
        })
    }

    pub(super) fn remember(&mut self, wait: Ended) {
        if self.0.len() >= RECENT_THREADS {
            self.0.clear();
        }
        let recent = self.0.entry(wait.thread.tid()).or_default();
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back(wait);
    }
}

#[cfg(test)]
mod tests {
    use lock_common::{ThreadRef, WaitKind};

    use super::{Ended, RecentWaits};
    use crate::source::totals::LockKey;

    fn thread(tid: u32) -> ThreadRef {
        ThreadRef::new(1, tid)
    }

    fn wait(tid: u32, address: u64, (start_ns, end_ns): (u64, u64), holder: u32) -> Ended {
        Ended {
            thread: thread(tid),
            lock: LockKey {
                address,
                tgid: 0,
                kind: WaitKind::kernel(0),
            },
            start_ns,
            end_ns,
            holder: Some(thread(holder)),
        }
    }

    #[test]
    fn a_chain_leads_to_the_holder_that_did_not_wait() {
        let mut recent = RecentWaits::default();
        recent.remember(wait(3, 30, (0, 900), 4));
        recent.remember(wait(2, 20, (0, 950), 3));
        let chain = recent
            .chain(&wait(1, 10, (100, 1_000), 2))
            .expect("a chain");
        let waiters: Vec<u32> = chain.links.iter().map(|(thread, _)| thread.tid()).collect();
        assert_eq!(waiters, [1, 2, 3]);
        assert_eq!((chain.end, chain.wait_ns), (Some(thread(4)), 800));
    }

    #[test]
    fn a_queue_for_one_lock_is_not_a_chain() {
        let mut recent = RecentWaits::default();
        recent.remember(wait(2, 10, (0, 950), 3));
        assert_eq!(recent.chain(&wait(1, 10, (100, 1_000), 2)), None);
    }

    #[test]
    fn a_short_wait_of_the_holder_is_not_the_cause() {
        let mut recent = RecentWaits::default();
        recent.remember(wait(2, 20, (100, 180), 3));
        assert_eq!(recent.chain(&wait(1, 10, (100, 1_000), 2)), None);
    }

    #[test]
    fn threads_that_wait_for_each_other_are_followed_once() {
        let mut recent = RecentWaits::default();
        recent.remember(wait(2, 20, (0, 1_000), 1));
        let chain = recent.chain(&wait(1, 10, (0, 1_000), 2)).expect("a chain");
        assert_eq!((chain.links.len(), chain.end), (2, Some(thread(1))));
    }
}
