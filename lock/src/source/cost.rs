//! What `lock` itself costs.

use std::{mem::MaybeUninit, time::Duration};

use crate::clock;

/// The CPU time of this process so far, user and system.
pub(crate) fn own_cpu() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: writes one rusage to the pointer that it is given.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    // SAFETY: plain data, for which zero is a value.
    let usage = unsafe { usage.assume_init() };
    clock::cpu_time(&usage)
}
