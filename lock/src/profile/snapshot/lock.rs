//! Locks, each with what its waits come to.

use std::borrow::Cow;

use crate::profile::{
    futex_role::FutexRole,
    lock_type::LockType,
    snapshot::{ProcessId, Waits},
};

/// Which lock it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Identity {
    /// A lock in the kernel's memory.
    Kernel {
        /// Where.
        address: u64,
    },
    /// A futex in a process's memory.
    Private {
        /// Whose.
        process: ProcessId,
        /// Where.
        address: u64,
    },
    /// A futex in memory that processes share.
    Shared {
        /// What memory, and where in it: `/dev/shm/PostgreSQL.123+0x40`.
        object: String,
    },
    /// All that the table of locks had no row for.
    Other,
}

/// A lock, waited for in one way: a rwsem's readers and writers are two of these.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lock {
    /// Which.
    pub(crate) identity: Identity,
    /// What it is. Of a user lock this can change while recording, when stacks tell more.
    pub(crate) lock_type: LockType,
    /// The futex operation and value in words, as `FUTEX_WAIT_BITSET, 2`. Empty for kernel
    /// locks.
    pub(crate) operation: String,
    /// Its name, if it has one: `mmap_lock`, `runqueue`, a global's symbol.
    pub(crate) name: Option<String>,
    /// The role of its futex.
    pub(crate) role: FutexRole,
    /// Its waits, as the kernel counted them.
    pub(crate) waits: Waits,
}

impl Lock {
    /// Whether a wait for it is a call, all sleeps of it together, and not each sleep.
    pub(crate) const fn is_by_call(&self) -> bool {
        self.lock_type.is_retried() && !self.role.is_piece(false)
    }

    /// What its waits come to in a ranking: sleeps that were no waits by themselves add their
    /// time alone.
    pub(crate) fn ranked(&self) -> Cow<'_, Waits> {
        let raw = &self.waits;
        if self.is_by_call() && !raw.calls.is_empty() {
            return Cow::Owned(raw.by_call());
        }
        let piece = |acquired| self.role.is_piece(acquired);
        if !piece(false) {
            return Cow::Borrowed(raw);
        }
        let whole = if piece(true) {
            Waits {
                polled: raw.count,
                total_ns: raw.total_ns,
                runqueue_ns: raw.runqueue_ns,
                ..Waits::default()
            }
        } else {
            raw.clone()
        };
        let polled = whole.polled.saturating_add(raw.failed());
        Cow::Owned(Waits {
            total_ns: whole.total_ns.saturating_add(raw.not_acquired_ns),
            pieces: polled,
            polled,
            timed_out: 0,
            interrupted: 0,
            not_acquired: 0,
            not_acquired_ns: 0,
            ..whole
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Lock};
    use crate::profile::{
        futex_role::FutexRole,
        lock_type::{Class, LockType},
        snapshot::{Estimate, Waits},
    };

    #[test]
    fn pieces_add_their_time_alone() {
        let lock = |role| Lock {
            identity: Identity::Other,
            lock_type: LockType::User(Class::Mutex),
            operation: String::new(),
            name: Some("GIL".to_owned()),
            role,
            waits: Waits {
                count: 3,
                total_ns: 30,
                min_ns: 5,
                max_ns: 20,
                timed_out: 4,
                interrupted: 1,
                not_acquired_ns: 100,
                ..Waits::default()
            },
        };
        let told = |role| {
            let lock = lock(role);
            let ranked = lock.ranked();
            (
                ranked.count,
                ranked.total_ns,
                ranked.pieces,
                ranked.failed(),
            )
        };
        assert_eq!(told(FutexRole::Own), (3, 30, 0, 5));
        assert_eq!(told(FutexRole::Waiter), (3, 30, 0, 5));
        assert_eq!(told(FutexRole::Polled), (3, 130, 5, 0));
        assert_eq!(told(FutexRole::Inner), (0, 130, 8, 0));
        let piece = Estimate::piece(10, 3);
        assert_eq!(
            (piece.count, piece.wait_ns, piece.count_error()),
            (0, 80, 0)
        );
        assert!(piece.wait_error_ns() > 0);
    }
}
