//! Sampled waits for user locks that are not over: from the event of their begin to that of
//! their end, and in pieces where the thread waits for one lock several times.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use lock_common::Event;

use crate::{
    profile::{futex_role::FutexRole, lock_type::Class},
    source::samples::handover::LockMemory,
    symbol::UserStack,
};

/// How many sampled waits may be open. With more, the ends of some were lost.
const OPEN: usize = 65536;
/// How many pieces of a wait are kept until it is over.
const PIECES: usize = 1024;

/// A wait that has begun.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its begin.
    pub(super) event: Event,
    /// Where the thread waits.
    pub(super) stack: UserStack,
    /// Where the lock was released.
    pub(super) released: Option<UserStack>,
    /// When (CLOCK_MONOTONIC, nanoseconds).
    pub(super) woken_ns: Option<u64>,
}

impl Pending {
    /// The lock, if whoever wakes a waiter had it before, and the waiter has it next.
    pub(super) fn handed_over(&self) -> Option<LockMemory> {
        const CLASSES: &[Class] = &[
            Class::Mutex,
            Class::PiMutex,
            Class::RwLock,
            Class::Semaphore,
        ];
        let Event { tgid, lock, .. } = self.event;
        let address = match self.stack.role {
            role @ (FutexRole::Own | FutexRole::Pair | FutexRole::Queue) => role.lock_address(lock),
            // Which lock it is only the caller tells.
            FutexRole::Waiter => self.hash_of_caller()?,
            FutexRole::Polled | FutexRole::Inner => return None,
        };
        CLASSES
            .contains(&self.stack.class)
            .then_some(LockMemory { tgid, address })
    }

    /// Stands for the function that waits.
    fn hash_of_caller(&self) -> Option<u64> {
        let caller = self.stack.frames.get(self.stack.locking_frames as usize)?;
        let mut hasher = DefaultHasher::new();
        caller.function.as_ref()?.hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// A piece of a wait that has ended.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) pending: Pending,
    pub(super) wait_ns: u64,
}

/// The waits that are not over.
#[derive(Debug, Default)]
pub(super) struct PendingWaits {
    /// Number of the sample and address of the lock -> the wait.
    open: HashMap<(u64, u64), Pending>,
    /// Thread -> the pieces of its wait so far: the holder is known when the wait is over.
    pieces: HashMap<u32, Vec<Piece>>,
}

impl PendingWaits {
    /// Opens the wait of an event.
    pub(super) fn open(&mut self, event: &Event, stack: UserStack) {
        if self.open.len() >= OPEN {
            self.open.clear();
        }
        let pending = Pending {
            event: *event,
            stack,
            released: None,
            woken_ns: None,
        };
        self.open.insert((event.sample, event.lock), pending);
    }

    /// The open wait with this number of a sample for the lock at this address.
    pub(super) fn get(&self, sample: u64, lock: u64) -> Option<&Pending> {
        self.open.get(&(sample, lock))
    }

    /// The open wait that an event belongs to.
    pub(super) fn of(&mut self, event: &Event) -> Option<&mut Pending> {
        self.open.get_mut(&(event.sample, event.lock))
    }

    /// Closes the wait that an event ends.
    pub(super) fn close(&mut self, event: &Event) -> Option<Pending> {
        self.open.remove(&(event.sample, event.lock))
    }

    /// Keeps a piece of a thread's wait. False if these are as many as are kept.
    pub(super) fn keep_piece(&mut self, tid: u32, piece: Piece) -> bool {
        let pieces = self.pieces.entry(tid).or_default();
        pieces.push(piece);
        pieces.len() < PIECES
    }

    /// The pieces of a thread's wait.
    pub(super) fn take_pieces(&mut self, tid: u32) -> Vec<Piece> {
        self.pieces.remove(&tid).unwrap_or_default()
    }

    /// The pieces of all threads' waits.
    pub(super) fn take_all_pieces(&mut self) -> Vec<Piece> {
        self.pieces.drain().flat_map(|(_, pieces)| pieces).collect()
    }
}
