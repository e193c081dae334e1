//! The role of the futex that a thread waits on in the lock that it waits for.

/// What a futex is to the lock. Stacks show it; a kernel lock's address is the lock itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum FutexRole {
    /// The lock's own: another word is another lock.
    #[default]
    Own,
    /// One of the two that a condition variable or rwlock of glibc has side by side.
    Pair,
    /// Not the lock's at all, but what stands for the lock is the key of the waiter's queue: of the
    /// two queues of an rwlock of `parking_lot`, the lock's address or one more.
    Queue,
    /// The waiter's own, whatever it waits for, as the parker of Rust's threads or the semaphore of
    /// a process of PostgreSQL. Which lock it was only the caller tells.
    Waiter,
    /// Of a lock that a process has one of, whose waiters poll: `CPython`'s GIL. They wait
    /// some milliseconds, ask for the lock, and wait again. A wait that ends without the lock
    /// is a piece of a wait.
    Polled,
    /// The mutex within such a lock: each wait for it is a piece of a wait for that lock.
    Inner,
}

impl FutexRole {
    /// Whether a wait that ended with the word, or without it, is no whole wait for the lock,
    /// but a piece of one: its time counts, and it is none by itself.
    pub(crate) const fn is_piece(self, acquired: bool) -> bool {
        match self {
            Self::Own | Self::Pair | Self::Queue | Self::Waiter => false,
            Self::Polled => !acquired,
            Self::Inner => true,
        }
    }

    /// The address that stands for the lock, by that of a word of it. Both words of a pair are in
    /// the same eight bytes of glibc's `pthread_cond_t` and `pthread_rwlock_t`, which are aligned, as
    /// is an rwlock of `parking_lot`.
    pub(crate) const fn lock_address(self, word: u64) -> u64 {
        match self {
            Self::Pair => word & !7,
            Self::Queue => word & !1,
            Self::Own | Self::Waiter | Self::Polled | Self::Inner => word,
        }
    }

    /// Whether all of a process's words with the lock's name are one lock.
    pub(crate) const fn is_of_process(self) -> bool {
        matches!(self, Self::Polled | Self::Inner)
    }
}
