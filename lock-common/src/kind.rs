//! The kind of a wait and its outcome, as rows and events carry them.

use crate::Plain;

/// The flags of `contention_begin`: `LCB_F_*` in the kernel's
/// `include/trace/events/lock.h`.
pub mod flag {
    /// The waiter spins (`LCB_F_SPIN`).
    pub const SPIN: u32 = 1 << 0;
    /// It waits for the lock as a reader (`LCB_F_READ`).
    pub const READ: u32 = 1 << 1;
    /// It waits for the lock as a writer (`LCB_F_WRITE`).
    pub const WRITE: u32 = 1 << 2;
    /// An rt_mutex, or a lock that PREEMPT_RT builds on one (`LCB_F_RT`).
    pub const RT: u32 = 1 << 3;
    /// A per-CPU rwsem (`LCB_F_PERCPU`).
    pub const PERCPU: u32 = 1 << 4;
    /// A mutex (`LCB_F_MUTEX`): with [`SPIN`] while it spins for the owner, without
    /// while it sleeps.
    pub const MUTEX: u32 = 1 << 5;
}

/// The flags that tell lock types apart, as a key: a mutex is the same lock whether
/// its waiter spins or sleeps.
pub const fn lock_type(flags: u32) -> u32 {
    if flags & flag::MUTEX != 0 {
        flag::MUTEX
    } else {
        flags & (LOCK_TYPES - 1)
    }
}

/// Bound of [`lock_type`]: one more than all known flags together. A flag that a later
/// kernel adds is cut off.
pub const LOCK_TYPES: u32 = flag::MUTEX << 1;

/// Whether the waiter keeps its CPU from begin to end. A mutex does not: it may spin
/// first and sleep then.
pub const fn only_spins(flags: u32) -> bool {
    flags & (flag::SPIN | flag::MUTEX) == flag::SPIN
}

/// Bits of a [`WaitKind`] for a user lock.
mod bit {
    pub(super) const USER: u32 = 1 << 15;
    pub(super) const COMMAND: u32 = 0x7f;
    pub(super) const PRIVATE: u32 = 1 << 7;
    pub(super) const REALTIME: u32 = 1 << 8;
    pub(super) const VALUE_SHIFT: u32 = 9;
    pub(super) const VALUE: u32 = 7;
    pub(super) const QUEUED: u32 = 1 << 12;
}

/// The lock type and the operation of a wait, in 16 bits: for a kernel lock its [`lock_type`],
/// for a user lock the futex operation.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitKind(u32);

// SAFETY: transparent over an integer.
unsafe impl Plain for WaitKind {}

impl WaitKind {
    /// The command of the system call `futex_waitv`, beside those of `futex`.
    pub const WAITV: u32 = 0x40;
    /// The command of the system call `futex_wait` (futex2).
    pub const FUTEX2_WAIT: u32 = 0x41;
    /// The [`filter_type`](Self::filter_type) of user locks.
    pub const USER_TYPE: u32 = bit::USER;

    /// A wait for a kernel lock, by the flags of its `contention_begin`.
    #[inline]
    pub const fn kernel(flags: u32) -> Self {
        Self(lock_type(flags))
    }

    /// A wait on a futex that has `value`. The command is one of `FUTEX_*` in the kernel's
    /// `include/uapi/linux/futex.h`, [`WAITV`](Self::WAITV) or
    /// [`FUTEX2_WAIT`](Self::FUTEX2_WAIT).
    #[inline]
    pub const fn futex(command: u32, value: u32) -> Self {
        Self(bit::USER | command & bit::COMMAND | FutexValue::of(value).0 << bit::VALUE_SHIFT)
    }

    /// The same on a futex of one process (`FUTEX_PRIVATE_FLAG`).
    #[inline]
    #[must_use]
    pub const fn private(self) -> Self {
        Self(self.0 | bit::PRIVATE)
    }

    /// The same with a timeout on the real-time clock (`FUTEX_CLOCK_REALTIME`).
    #[inline]
    #[must_use]
    pub const fn realtime(self) -> Self {
        Self(self.0 | bit::REALTIME)
    }

    /// The same for a lock that has the waiter in a queue, while it sleeps on a futex of its own
    /// ([`parked`](crate::parked)).
    #[inline]
    #[must_use]
    pub const fn queued(self) -> Self {
        Self(self.0 | bit::QUEUED)
    }

    /// Whether it is a wait for a user lock.
    #[inline]
    pub const fn is_user(self) -> bool {
        self.0 & bit::USER != 0
    }

    /// For a kernel lock: its [`lock_type`].
    #[inline]
    pub const fn lock_type(self) -> u32 {
        self.0 & (LOCK_TYPES - 1)
    }

    /// What the filter by type compares: the [`lock_type`] of a kernel lock,
    /// [`USER_TYPE`](Self::USER_TYPE) for all user locks.
    #[inline]
    pub const fn filter_type(self) -> u32 {
        if self.is_user() { bit::USER } else { self.0 }
    }

    /// For a user lock: the futex command.
    #[inline]
    pub const fn command(self) -> u32 {
        self.0 & bit::COMMAND
    }

    /// For a user lock: whether the futex belongs to one process.
    #[inline]
    pub const fn is_private(self) -> bool {
        self.0 & bit::PRIVATE != 0
    }

    /// For a user lock: whether the timeout is on the real-time clock.
    #[inline]
    pub const fn is_realtime(self) -> bool {
        self.0 & bit::REALTIME != 0
    }

    /// For a user lock: whether the lock has the waiter in a queue, and the address that stands for
    /// it is not that of the futex.
    #[inline]
    pub const fn is_queued(self) -> bool {
        self.0 & bit::QUEUED != 0
    }

    /// For a user lock: the class of the futex value that was waited on.
    #[inline]
    pub const fn value(self) -> FutexValue {
        FutexValue(self.0 >> bit::VALUE_SHIFT & bit::VALUE)
    }

    /// For user locks: whether a sleep of this kind can be in the same call as one of `other`. The
    /// operation has to be the same, and so has a value of 0 to 3, which distinguishes lock types.
    /// Larger values are counts of readers or a thread's number, with the waiters' mark, and change
    /// while a call sleeps again and again.
    #[inline]
    pub const fn shares_call_with(self, other: Self) -> bool {
        let differs = self.0 ^ other.0;
        differs == 0
            || differs & !(bit::VALUE << bit::VALUE_SHIFT) == 0
                && self.value().is_large()
                && other.value().is_large()
    }

    /// As it is in a row's key: 16 bits.
    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    /// From the lower bits of a row's key.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits & 0xffff)
    }
}

/// The class of a futex value: 0 to 3 are themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FutexValue(u32);

impl FutexValue {
    /// `u32::MAX`, with which Rust's parker marks a parked thread.
    pub const MAX: Self = Self(4);
    /// Any other value.
    pub const OTHER: Self = Self(5);

    /// The class of a value.
    #[inline]
    pub const fn of(value: u32) -> Self {
        match value {
            0..=3 => Self(value),
            u32::MAX => Self::MAX,
            _ => Self::OTHER,
        }
    }

    /// Whether its values are none of 0 to 3.
    #[inline]
    const fn is_large(self) -> bool {
        self.0 >= Self::MAX.0
    }

    /// A value of this class; `None` if it has many.
    pub const fn exact(self) -> Option<u32> {
        match self {
            Self(value @ 0..=3) => Some(value),
            Self::MAX => Some(u32::MAX),
            _ => None,
        }
    }
}

/// How a wait ended.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome(u32);

// SAFETY: transparent over an integer.
unsafe impl Plain for Outcome {}

impl Outcome {
    /// The lock was acquired.
    pub const ACQUIRED: Self = Self(0);
    /// The timeout expired.
    pub const TIMED_OUT: Self = Self(1);
    /// A signal interrupted the wait.
    pub const INTERRUPTED: Self = Self(2);
    /// The lock was not acquired, for an unknown reason.
    pub const FAILED: Self = Self(3);

    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futex_operations_survive_a_round_trip() {
        for command in [0, 6, 9, 13, WaitKind::WAITV, WaitKind::FUTEX2_WAIT] {
            for value in [0, 1, 2, 3, u32::MAX] {
                let shared = WaitKind::futex(command, value);
                for kind in [shared, shared.private(), shared.private().realtime()] {
                    assert!(kind.is_user());
                    assert_eq!(kind.command(), command);
                    assert_eq!(kind.value().exact(), Some(value));
                    assert_eq!(kind.filter_type(), WaitKind::USER_TYPE);
                    assert_eq!(WaitKind::from_bits(kind.to_bits()), kind);
                }
                assert!(!shared.is_private() && !shared.is_realtime());
                assert!(shared.private().is_private() && !shared.private().is_realtime());
                assert!(shared.realtime().is_realtime() && !shared.realtime().is_private());
                assert!(shared.queued().is_queued() && !shared.is_queued());
                assert_eq!(shared.queued().value(), shared.value());
            }
        }
        assert_eq!(WaitKind::futex(0, 4711).value(), FutexValue::OTHER);
        assert_eq!(FutexValue::OTHER.exact(), None);
    }

    #[test]
    fn a_small_value_is_the_same_in_all_sleeps_of_a_call() {
        // musl's rwlock has the count of readers there, and all bits set for a writer.
        let values = [0, 1, 2, 3, 4, 4711, 0x8000_0001, u32::MAX];
        for first in values {
            for second in values {
                let [first_kind, second_kind] =
                    [first, second].map(|value| WaitKind::futex(0, value));
                let shared = first == second || first > 3 && second > 3;
                assert_eq!(
                    first_kind.shares_call_with(second_kind),
                    shared,
                    "{first:#x} and {second:#x}"
                );
                assert!(!first_kind.shares_call_with(second_kind.private()));
            }
        }
        assert!(!WaitKind::futex(0, 2).shares_call_with(WaitKind::futex(9, 2)));
    }

    #[test]
    fn kernel_locks_keep_their_type() {
        for flags in 0..2 * LOCK_TYPES {
            let kind = WaitKind::kernel(flags);
            assert!(!kind.is_user());
            assert_eq!(kind.lock_type(), lock_type(flags));
            assert_eq!(kind.filter_type(), lock_type(flags));
        }
    }
}
