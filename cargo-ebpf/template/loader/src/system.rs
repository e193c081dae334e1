//! System calls that the standard library does not have.

use std::{mem::MaybeUninit, ptr, time::Duration};

/// Lets the kernel create maps of any size. Kernels before 5.11 count them against a limit
/// that is often 64 KiB.
pub fn lift_memory_limit() {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: setrlimit reads the struct. If it fails, creating a map may fail.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) };
}

/// Ctrl-C and SIGTERM. They do not end the process, so that it can detach its programs: some
/// kernels keep them attached to network interfaces otherwise.
pub struct Interrupts(libc::sigset_t);

impl Interrupts {
    /// Blocks them in this thread, and in those that it starts.
    pub fn block() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set, which the other calls use.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
            Self(set.assume_init())
        }
    }

    /// Waits for one, for at most `time`: whether there was one.
    pub fn within(&self, time: Duration) -> bool {
        let time = libc::timespec {
            tv_sec: time.as_secs() as libc::time_t,
            tv_nsec: time.subsec_nanos().into(),
        };
        // SAFETY: sigtimedwait reads both structs.
        unsafe { libc::sigtimedwait(&self.0, ptr::null_mut(), &time) > 0 }
    }
}
