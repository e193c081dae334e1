//! Who had a lock while a thread waited for it, by the times at which it was handed over: a thread
//! that waited for it as well had it from the end of its own wait on, and whoever woke that thread
//! had it before.

use std::collections::{HashMap, VecDeque};

use lock_common::ThreadRef;

use crate::source::samples::REMEMBERED;

/// How many turns of a thread are remembered.
const TURNS: usize = 16;
/// How many threads are followed back through one wait.
const MOST_HOLDERS: usize = 32;

/// A lock, as far as threads hand it to each other: several words of memory may be one lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LockMemory {
    /// The process whose memory it is in.
    pub(super) tgid: u32,
    /// Where; or what stands for the function that waits, if only that is known.
    pub(super) address: u64,
}

/// A wait that ended as another thread handed the lock over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) lock: LockMemory,
    /// When the thread had the lock (CLOCK_MONOTONIC, nanoseconds).
    pub(super) since_ns: u64,
    /// When it was woken. Until it ran, nobody had the lock.
    pub(super) woken_ns: u64,
    /// Who had it before, and woke the thread.
    pub(super) from: ThreadRef,
}

/// The part of a wait in which one thread had the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) holder: ThreadRef,
    pub(super) ns: u64,
}

/// The latest turns of each thread, and what locks' holders are still to be charged for.
#[derive(Debug, Default)]
pub(super) struct Handovers {
    turns: HashMap<u32, VecDeque<Turn>>,
    /// Lock and thread -> the time for which it had the lock, less that of the waits that it was
    /// named for, in nanoseconds.
    due: HashMap<(LockMemory, u32), f64>,
}

impl Handovers {
    /// Keeps that a thread has the lock.
    pub(super) fn note(&mut self, tid: u32, turn: Turn) {
        if self.turns.len() >= REMEMBERED {
            self.turns.clear();
        }
        let turns = self.turns.entry(tid).or_default();
        if turns.len() >= TURNS {
            turns.pop_front();
        }
        turns.push_back(turn);
    }

    /// Who had the lock during a wait, the last one first: from its begin until `waker` woke the
    /// thread.
    pub(super) fn shares(
        &self,
        lock: LockMemory,
        (start_ns, woken_ns): (u64, u64),
        waker: ThreadRef,
    ) -> Vec<Share> {
        let mut shares = Vec::new();
        let (mut holder, mut until_ns) = (waker, woken_ns);
        while shares.len() < MOST_HOLDERS
            && let Some(turn) = self.turn(holder.tid(), lock, until_ns)
            && turn.since_ns > start_ns
        {
            shares.push(Share {
                holder,
                ns: until_ns.saturating_sub(turn.since_ns),
            });
            (holder, until_ns) = (turn.from, turn.woken_ns.min(turn.since_ns));
        }
        if until_ns > start_ns || shares.is_empty() {
            shares.push(Share {
                holder,
                ns: until_ns.saturating_sub(start_ns),
            });
        }
        shares
    }

    /// The latest turn of a thread that began before a time.
    fn turn(&self, tid: u32, lock: LockMemory, before_ns: u64) -> Option<&Turn> {
        let turns = self.turns.get(&tid)?.iter().rev();
        turns
            .filter(|turn| turn.lock == lock)
            .find(|turn| turn.since_ns < before_ns)
    }

    /// The holder that a wait is attributed to, which has one only. Over all waits for the lock,
    /// each holder gets the time that it had the lock for: it is the one that was named for the
    /// least of its own. A wait stands for `weight` of its kind.
    pub(super) fn choose(
        &mut self,
        lock: LockMemory,
        shares: &[Share],
        weight: f64,
    ) -> Option<ThreadRef> {
        let [Share { holder, .. }, others @ ..] = shares else {
            return None;
        };
        if others.iter().all(|other| other.holder == *holder) {
            return Some(*holder);
        }
        if self.due.len() >= REMEMBERED {
            self.due.clear();
        }
        for share in shares {
            *self.due_of(lock, share) += share.ns as f64 * weight;
        }
        let (mut chosen, mut most) = (*holder, f64::MIN);
        for share in shares {
            let due = *self.due_of(lock, share);
            if due > most {
                (chosen, most) = (share.holder, due);
            }
        }
        let whole: u64 = shares.iter().map(|share| share.ns).sum();
        *self.due.entry((lock, chosen.tid())).or_default() -= whole as f64 * weight;
        Some(chosen)
    }

    fn due_of(&mut self, lock: LockMemory, share: &Share) -> &mut f64 {
        self.due.entry((lock, share.holder.tid())).or_default()
    }
}

#[cfg(test)]
mod tests {
    use lock_common::ThreadRef;

    use super::{Handovers, LockMemory, Share, Turn};

    const LOCK: LockMemory = LockMemory {
        tgid: 1,
        address: 64,
    };

    fn thread(tid: u32) -> ThreadRef {
        ThreadRef::new(1, tid)
    }

    fn share(tid: u32, ns: u64) -> Share {
        Share {
            holder: thread(tid),
            ns,
        }
    }

    fn turn(from: u32, since_ns: u64) -> Turn {
        Turn {
            lock: LOCK,
            since_ns,
            woken_ns: since_ns - 10,
            from: thread(from),
        }
    }

    /// Thread 9 had it first, then 1, then 2.
    fn queue() -> Handovers {
        let mut handovers = Handovers::default();
        handovers.note(1, turn(9, 5_000));
        handovers.note(2, turn(1, 5_050));
        handovers
    }

    #[test]
    fn a_queue_leads_back_to_who_had_the_lock_first() {
        let shares = |start_ns, waker| queue().shares(LOCK, (start_ns, 5_100), thread(waker));
        assert_eq!(shares(0, 2), [share(2, 50), share(1, 40), share(9, 4_990)]);
        assert_eq!(shares(5_060, 2), [share(2, 40)]);
        // It began as the second was woken.
        assert_eq!(shares(5_045, 2), [share(2, 50)]);
        assert_eq!(shares(0, 9), [share(9, 5_100)]);
        // A turn that was not sampled.
        assert_eq!(shares(0, 3), [share(3, 5_100)]);
    }

    #[test]
    fn turns_are_those_of_one_lock_and_before_the_wake() {
        let mut handovers = queue();
        let other = LockMemory {
            address: 128,
            ..LOCK
        };
        let of_other = Turn {
            lock: other,
            ..turn(7, 5_070)
        };
        handovers.note(2, of_other);
        // By now it has waited for the lock again.
        handovers.note(2, turn(8, 9_000));
        assert_eq!(
            handovers.shares(LOCK, (5_000, 5_100), thread(2)),
            [share(2, 50), share(1, 40)]
        );
        assert_eq!(
            handovers.shares(other, (0, 5_100), thread(1)),
            [share(1, 5_100)]
        );
    }

    #[test]
    fn each_holder_is_named_for_its_share() {
        let mut handovers = Handovers::default();
        let mut named = [0_u32; 3];
        // Each wait: 1,500 by one thread, 500 by another.
        for _ in 0..1_000 {
            let shares = [share(1, 1_500), share(2, 500)];
            let holder = handovers.choose(LOCK, &shares, 4.0).expect("a holder");
            named[holder.tid() as usize] += 1;
        }
        assert_eq!(named, [0, 750, 250]);
    }

    #[test]
    fn short_turns_of_waiters_are_not_why_all_waited() {
        let mut handovers = Handovers::default();
        for _ in 0..30 {
            let shares = [share(2, 50), share(1, 50), share(9, 5_000)];
            assert_eq!(handovers.choose(LOCK, &shares, 1.0), Some(thread(9)));
        }
    }
}
