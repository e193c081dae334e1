//! Lock types by the names that users know.

use std::fmt;

use lock_common::flag::{MUTEX, PERCPU, READ, RT, SPIN, WRITE};
use serde::{Deserialize, Serialize};

/// A type of lock, and the way that it was waited for: as `lock_common::lock_type` tells
/// it from a tracepoint's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LockType(pub(crate) u32);

const NAMES: &[(u32, &str)] = &[
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

impl fmt::Display for LockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(flags, _)| *flags == self.0) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("unknown:{:#x}", self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LockType;

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
            let lock_type = LockType(lock_common::lock_type(flags));
            assert_eq!(lock_type.to_string(), name, "flags {flags}");
        }
    }
}
