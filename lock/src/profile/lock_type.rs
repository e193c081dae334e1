//! Types of locks by the names that users know.

use std::fmt;

use lock_common::flag::{MUTEX, PERCPU, READ, RT, SPIN, WRITE};

/// What is waited for: a lock of the kernel, or one that a program built on a futex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LockType {
    /// A kernel lock, and the way that it was waited for: the tracepoint's flags, as
    /// `lock_common::lock_type` reduces them.
    Kernel(u32),
    /// A user lock.
    User(Class),
}

/// What a program built on a futex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// Mutual exclusion. CPython's GIL is one, too.
    Mutex,
    /// A lock with shared and exclusive holders.
    RwLock,
    /// A mutex with priority inheritance.
    PiMutex,
    /// A counting semaphore.
    Semaphore,
    /// A meeting of threads.
    Barrier,
    /// A condition variable: waiting for something to do.
    Condvar,
    /// The end of a thread.
    Join,
    /// A thread that a runtime put to sleep until there is work.
    Parked,
    /// Not known.
    Unknown,
}

impl Class {
    /// All.
    const ALL: [Self; 9] = [
        Self::Mutex,
        Self::RwLock,
        Self::PiMutex,
        Self::Semaphore,
        Self::Barrier,
        Self::Condvar,
        Self::Join,
        Self::Parked,
        Self::Unknown,
    ];

    /// Whether such a wait is mostly for work, not for a lock: it is kept out of the
    /// ranking, and shown in a line of its own.
    pub(crate) const fn is_idle(self) -> bool {
        matches!(self, Self::Condvar | Self::Join | Self::Parked)
    }

    /// Whether a call that waits for it goes on waiting until it has it: it is woken, finds it
    /// taken, and sleeps again. Who waits for work sleeps again because the work is done.
    const fn is_retried(self) -> bool {
        matches!(self, Self::Mutex | Self::RwLock | Self::PiMutex)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Mutex => "user mutex",
            Self::RwLock => "user rwlock",
            Self::PiMutex => "pi mutex",
            Self::Semaphore => "user semaphore",
            Self::Barrier => "barrier",
            Self::Condvar => "condvar",
            Self::Join => "thread join",
            Self::Parked => "parked thread",
            Self::Unknown => "futex",
        }
    }
}

impl LockType {
    /// Whether such a wait is mostly for work, not for a lock.
    pub(crate) const fn is_idle(self) -> bool {
        match self {
            Self::Kernel(_) => false,
            Self::User(class) => class.is_idle(),
        }
    }

    /// Whether it is known to be a lock, which somebody has while others wait.
    pub(crate) const fn is_lock(self) -> bool {
        match self {
            Self::Kernel(_) => true,
            Self::User(class) => class.is_retried(),
        }
    }

    /// Whether a call that waits for it goes on waiting until it has it, in several sleeps.
    pub(crate) const fn is_retried(self) -> bool {
        match self {
            Self::Kernel(_) => false,
            Self::User(class) => class.is_retried(),
        }
    }
}

const KERNEL_NAMES: &[(u32, &str)] = &[
    (0, "semaphore"),
    (SPIN, "spinlock"),
    (SPIN | READ, "rwlock:R"),
    (SPIN | WRITE, "rwlock:W"),
    (READ, "rwsem:R"),
    (WRITE, "rwsem:W"),
    (RT, "rtmutex"),
    // PREEMPT_RT builds both on the same base, and the events do not tell them apart.
    (RT | READ, "rt-rwlock/rwsem:R"),
    (RT | WRITE, "rt-rwlock/rwsem:W"),
    (PERCPU | READ, "percpu-rwsem:R"),
    (PERCPU | WRITE, "percpu-rwsem:W"),
    (MUTEX, "mutex"),
];

/// All names of types.
pub(crate) fn names() -> Vec<String> {
    all().map(|lock_type| lock_type.to_string()).collect()
}

/// The types of a name: `rwsem:R`, or both of its kind with `rwsem`. Dashes may stand for
/// the spaces in a name; `user` are all user locks, `kernel` all of the kernel's. Empty if
/// there are none.
pub(crate) fn named(name: &str) -> Vec<LockType> {
    all()
        .filter(|lock_type| {
            let side = match lock_type {
                LockType::Kernel(_) => "kernel",
                LockType::User(_) => "user",
            };
            if name == side {
                return true;
            }
            let full = lock_type.to_string();
            let kind = full.split_once(':').map_or(&*full, |(kind, _)| kind);
            [&*full, kind].contains(&name) || full.replace(' ', "-") == name
        })
        .collect()
}

fn all() -> impl Iterator<Item = LockType> {
    let kernel = KERNEL_NAMES
        .iter()
        .map(|&(flags, _)| LockType::Kernel(flags));
    kernel.chain(Class::ALL.map(LockType::User))
}

impl fmt::Display for LockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(flags) => match KERNEL_NAMES.iter().find(|(known, _)| known == flags) {
                Some((_, name)) => f.pad(name),
                None => f.pad(&format!("unknown:{flags:#x}")),
            },
            Self::User(class) => f.pad(class.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, LockType};

    #[test]
    fn every_combination_that_kernels_emit_has_its_name() {
        // The numbers as they stand in the kernel's calls of trace_contention_begin.
        for (flags, name) in [
            (0, "semaphore"),
            (1, "spinlock"),
            (3, "rwlock:R"),
            (5, "rwlock:W"),
            (2, "rwsem:R"),
            (4, "rwsem:W"),
            (8, "rtmutex"),
            (10, "rt-rwlock/rwsem:R"),
            (12, "rt-rwlock/rwsem:W"),
            (18, "percpu-rwsem:R"),
            (20, "percpu-rwsem:W"),
            (32, "mutex"),
            (33, "mutex"),
            (48, "mutex"),
            (63 & !32, "unknown:0x1f"),
        ] {
            let lock_type = LockType::Kernel(lock_common::lock_type(flags));
            assert_eq!(lock_type.to_string(), name, "flags {flags}");
        }
    }

    #[test]
    fn waiting_for_work_is_idle() {
        assert!(LockType::User(Class::Condvar).is_idle());
        assert!(!LockType::User(Class::Mutex).is_idle());
        assert!(!LockType::Kernel(1).is_idle());
    }
}
