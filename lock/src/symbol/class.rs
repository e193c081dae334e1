//! What a program built on a futex: from the call, confirmed by the functions that made it.

use std::fmt;

use crate::{
    profile::{futex_role::FutexRole, lock_type::Class, snapshot::Frame},
    symbol::{
        class_names::{self, Known},
        class_table, stripped,
    },
};

/// `futex(2)`'s commands that wait, from `linux/futex.h`.
const WAIT: u32 = 0;
const LOCK_PI: u32 = 6;
const WAIT_BITSET: u32 = 9;
const WAIT_REQUEUE_PI: u32 = 11;
const LOCK_PI2: u32 = 13;
/// Flags beside the command.
#[cfg(test)]
const PRIVATE_FLAG: u32 = 128;
#[cfg(test)]
const CLOCK_REALTIME: u32 = 256;

/// Which system call waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// `futex`.
    #[default]
    Futex,
    /// `futex_wait` of Linux 6.7.
    Futex2,
    /// `futex_waitv` of Linux 5.16: for one of several words.
    Waitv,
}

/// A system call that waits on a futex.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    /// Which call.
    pub(crate) call: Call,
    /// The command, without flags; zero for the newer calls.
    pub(crate) op: u32,
    /// Whether only threads of the process can use it.
    pub(crate) private: bool,
    /// Whether its timeout is by the wall clock.
    pub(crate) realtime: bool,
    /// Whether the lock has the waiter in a queue, so that its address is known although the futex is
    /// the waiter's.
    pub(crate) queued: bool,
    /// What the word was expected to hold.
    pub(crate) value: u32,
}

impl Operation {
    /// Stands for any value but 0 to 3 and `u32::MAX`, where only that is known.
    pub(crate) const OTHER_VALUE: u32 = u32::MAX - 1;

    /// From the arguments of `futex(2)`.
    #[cfg(test)]
    pub(crate) const fn futex(op: u32, value: u32) -> Self {
        Self {
            call: Call::Futex,
            op: op & !(PRIVATE_FLAG | CLOCK_REALTIME),
            private: op & PRIVATE_FLAG != 0,
            realtime: op & CLOCK_REALTIME != 0,
            queued: false,
            value,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (self.call, self.op) {
            (Call::Waitv, _) => return f.write_str("futex_waitv"),
            (Call::Futex2, _) => "futex_wait",
            (Call::Futex, WAIT) => "FUTEX_WAIT",
            (Call::Futex, LOCK_PI) => return f.write_str("FUTEX_LOCK_PI"),
            (Call::Futex, WAIT_BITSET) => "FUTEX_WAIT_BITSET",
            (Call::Futex, WAIT_REQUEUE_PI) => "FUTEX_WAIT_REQUEUE_PI",
            (Call::Futex, LOCK_PI2) => return f.write_str("FUTEX_LOCK_PI2"),
            (Call::Futex, other) => return write!(f, "futex command {other}"),
        };
        match self.value {
            Self::OTHER_VALUE => write!(f, "{name}, another value"),
            value => write!(f, "{name}, value {value}"),
        }?;
        if self.queued {
            f.write_str(", in a queue")?;
        }
        Ok(())
    }
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Classified {
    /// The kind of lock.
    pub(crate) class: Class,
    /// Its name, where it is one that users know: `GIL`.
    pub(crate) name: Option<&'static str>,
    /// How many innermost frames are locking code of libraries: the next one is the caller.
    pub(crate) locking_frames: u32,
    /// The role of the futex that it waits on.
    pub(crate) role: FutexRole,
}

/// What a wait is for, by the call alone: what libraries use it for most.
pub(crate) const fn from_operation(operation: Operation) -> Class {
    let Operation {
        call,
        op,
        private,
        realtime,
        value,
        ..
    } = operation;
    match (call, op) {
        (Call::Futex, LOCK_PI | LOCK_PI2) => Class::PiMutex,
        (Call::Futex, WAIT_REQUEUE_PI) => Class::Condvar,
        // glibc, musl and Rust: 2 is locked, with waiters.
        (Call::Futex, WAIT | WAIT_BITSET) if value == 2 => Class::Mutex,
        // glibc: the word is cleared by the kernel when the thread with this number ends,
        // which has to wake waiters in any process.
        (Call::Futex, WAIT_BITSET) if !private && realtime && value > 2 => Class::Join,
        // glibc's readers wait for the bit of the writers' phase.
        (Call::Futex, WAIT_BITSET) if private && !realtime && value == 3 => Class::RwLock,
        // Rust's parker of threads.
        (Call::Futex, WAIT_BITSET) if private && !realtime && value == u32::MAX => Class::Parked,
        _ => Class::Unknown,
    }
}

/// What a wait is for, by the frames of its stack, innermost first, and by the call where
/// these do not tell.
pub(crate) fn classify(operation: Option<Operation>, frames: &[Frame]) -> Classified {
    let mut named: Option<Known> = None;
    let mut locking = 0;
    let mut nameless = true;
    let mut inner = None;
    let mut depth = 0;
    while let Some(frame) = frames.get(depth) {
        depth = depth.saturating_add(1);
        let Some(function) = frame.function.as_deref() else {
            // Without its own names, a C library's inner functions have none: those that
            // every program calls have.
            if nameless && class_names::is_c_library(&frame.module) {
                locking = depth;
                continue;
            }
            let here = frames.get(depth.saturating_sub(1)..).unwrap_or_default();
            let Some(hidden) = stripped::hidden(inner, here) else {
                break;
            };
            depth = depth.saturating_add(hidden.frames.saturating_sub(1));
            locking = depth;
            if hidden.name.is_some() {
                named = Some(Known {
                    class: Some(Class::Mutex),
                    name: hidden.name,
                });
            }
            continue;
        };
        let Some(known) = class_names::find(function) else {
            if class_names::is_between(function) {
                continue;
            }
            break;
        };
        nameless = nameless && class_names::may_hide_callers(function);
        locking = depth;
        inner = Some(function);
        if let Some(class) = known.class
            && named.is_none_or(|inner| overrides(inner, class, known.name))
        {
            named = Some(Known {
                class: Some(class),
                name: known.name,
            });
        }
    }
    let (class, name) = match named {
        Some(Known {
            class: Some(class),
            name,
        }) => {
            let locking = frames.get(..locking).unwrap_or_default();
            (confirmed(class, name, operation, locking), name)
        }
        _ => (operation.map_or(Class::Unknown, from_operation), None),
    };
    Classified {
        class,
        name,
        locking_frames: u32::try_from(locking).unwrap_or(u32::MAX),
        role: role(
            class,
            name,
            operation,
            frames.get(..locking).unwrap_or_default(),
        ),
    }
}

/// The role of the futex that such a wait is on.
fn role(
    class: Class,
    name: Option<&str>,
    operation: Option<Operation>,
    locking: &[Frame],
) -> FutexRole {
    let mut functions = locking.iter().filter_map(|frame| frame.function.as_deref());
    if name.is_some_and(class_table::is_interpreters) {
        return if takes_mutex(operation) {
            FutexRole::Inner
        } else {
            FutexRole::Polled
        };
    }
    let queued = operation.is_some_and(|operation| operation.queued);
    match (queued, class) {
        (true, Class::RwLock) => return FutexRole::Queue,
        (true, _) => return FutexRole::Own,
        (false, _) if functions.clone().any(class_names::is_waiters_own) => {
            return FutexRole::Waiter;
        }
        (false, _) => {}
    }
    if functions.clone().any(class_names::is_musl) {
        return FutexRole::Own;
    }
    let with_bitset = operation.is_some_and(|operation| operation.op == WAIT_BITSET);
    let pair = match class {
        Class::Condvar => "pthread_cond_",
        Class::RwLock if with_bitset => "pthread_rwlock_",
        _ => return FutexRole::Own,
    };
    if functions.any(|name| name.contains(pair)) {
        FutexRole::Pair
    } else {
        FutexRole::Own
    }
}

/// Whether a wait for a lock of Python was one for the end of a thread: that is what releases
/// the lock, by these functions.
pub(crate) fn ends_python_thread(lock: Option<&str>, releaser: &[Frame]) -> bool {
    lock == Some(class_table::PYTHON_LOCK)
        && releaser.iter().any(|frame| {
            matches!(
                frame.function.as_deref(),
                Some("PyThreadState_Clear" | "release_sentinel")
            )
        })
}

/// Whether a call is that with which the C libraries take a mutex.
fn takes_mutex(operation: Option<Operation>) -> bool {
    operation.is_some_and(|operation| {
        operation.call == Call::Futex && operation.op == WAIT && operation.value == 2
    })
}

/// Whether what an outer function is tells more than what it is built on: a barrier built on
/// a condition variable is a barrier. But who waits for a mutex within a condition variable
/// waits for a mutex: that was woken, and has to take its mutex again.
fn overrides(inner: Known, outer: Class, outer_name: Option<&str>) -> bool {
    const LOCKS: &[Class] = &[Class::Mutex, Class::RwLock, Class::PiMutex];
    let inner_locks = inner.class.is_some_and(|class| LOCKS.contains(&class));
    // The nearest lock that has a name is it: who waited for a lock of Python has to take the GIL
    // again within the same call, and PostgreSQL's heavyweight locks are in memory that its
    // LWLocks protect. But which of Python's locks it is, the outer function tells.
    if let Some(name) = inner.name
        && (name != class_table::PYTHON_LOCK || outer_name.is_none())
    {
        return false;
    }
    !inner_locks || LOCKS.contains(&outer)
}

/// The same when a C library's inner functions have no names.
fn confirmed(
    class: Class,
    name: Option<&str>,
    operation: Option<Operation>,
    locking: &[Frame],
) -> Class {
    let takes_pi = operation.is_some_and(|operation| {
        operation.call == Call::Futex && matches!(operation.op, LOCK_PI | LOCK_PI2)
    });
    let functions = || locking.iter().filter_map(|frame| frame.function.as_deref());
    match class {
        // glibc waits for a condition with another command; musl with the same, in functions
        // of its own.
        Class::Condvar if takes_mutex(operation) && !functions().any(class_names::is_musl) => {
            Class::Mutex
        }
        Class::Mutex | Class::Condvar if takes_pi && name.is_none() => Class::PiMutex,
        class => class,
    }
}
