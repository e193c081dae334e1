//! What is waited for, and how a wait ends: as numbers that rows and events carry.

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

/// What is waited for, as 16 bits: for a kernel lock what [`lock_type`] makes of the flags,
/// for a user lock [`USER`](self::what::USER) and the futex operation.
pub mod what {
    /// A user lock.
    pub const USER: u32 = 1 << 15;
    /// For user locks: the futex command (`FUTEX_*` in `include/uapi/linux/futex.h`), or one
    /// of the two below.
    pub const COMMAND: u32 = 0x7f;
    /// The system call `futex_waitv`.
    pub const WAITV: u32 = 0x40;
    /// The system call `futex_wait` (futex2).
    pub const FUTEX2_WAIT: u32 = 0x41;
    /// The futex belongs to one process (`FUTEX_PRIVATE_FLAG`).
    pub const PRIVATE: u32 = 1 << 7;
    /// The timeout is on the real-time clock (`FUTEX_CLOCK_REALTIME`).
    pub const REALTIME: u32 = 1 << 8;
    /// Where the class of the value that is waited on begins: [`value_class`](super::value_class).
    pub const VALUE_SHIFT: u32 = 9;
    /// Its mask, shifted down.
    pub const VALUE: u32 = 7;
}

/// Classes of values that are waited on: 0 to 3 are themselves.
pub mod value {
    /// `u32::MAX`, with which Rust's parker marks a parked thread.
    pub const MAX: u32 = 4;
    /// Any other.
    pub const OTHER: u32 = 5;
}

/// The class of a value that is waited on.
pub const fn value_class(value: u32) -> u32 {
    match value {
        0..=3 => value,
        u32::MAX => value::MAX,
        _ => value::OTHER,
    }
}

/// How a wait ended.
pub mod outcome {
    /// With the lock.
    pub const ACQUIRED: u32 = 0;
    /// Its time was over.
    pub const TIMED_OUT: u32 = 1;
    /// A signal broke it off.
    pub const INTERRUPTED: u32 = 2;
    /// Without the lock, for a reason that is not known.
    pub const FAILED: u32 = 3;
}
