//! Waits that signals break off: `sem_wait` returns EINTR to every second waiter, half way to
//! the time at which the others get the semaphore.

use std::{
    io, ptr, thread,
    time::{Duration, Instant},
};

use crate::{
    crew::LOOK_AGAIN,
    meter::Ended,
    posix::{subject, wait_for_semaphore},
    pthread::Semaphore,
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// The signal: one that does nothing by default.
const SIGNAL: libc::c_int = libc::SIGURG;

/// How long the holder waits for the disturbed to be gone.
const PATIENCE: Duration = Duration::from_millis(100);

/// A semaphore whose waiters are disturbed.
#[derive(Debug)]
pub(crate) struct Interrupted {
    semaphore: Semaphore,
}

extern "C" fn nothing(_: libc::c_int) {}

impl Interrupted {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain data, for which zero is a value: no flags, so that calls are not
        // restarted after the handler.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        // SAFETY: the handler does nothing.
        if unsafe { libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            semaphore: Semaphore::new()?,
        })
    }
}

impl Contended for Interrupted {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "semaphore",
            "user semaphore",
            "wait_for_semaphore",
            &self.semaphore,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        let half = holder.time_to_hold() / 2;
        // A signal that came before the wait leaves one too many.
        self.semaphore.drain();
        holder.until_all_wait_for(half);
        for tid in holder.tids().step_by(2) {
            // SAFETY: takes integers; the threads of this process are alive.
            if unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, SIGNAL) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        thread::sleep(half);
        // Whoever is woken by the signal and has no CPU yet could still be given the
        // semaphore; whoever had the signal before it slept does not pass.
        let deadline = Instant::now() + PATIENCE;
        while holder.passed() < holder.waiters().div_ceil(2) && Instant::now() < deadline {
            thread::sleep(LOOK_AGAIN);
        }
        for _ in holder.passed()..holder.waiters() {
            self.semaphore.post()?;
        }
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        match waiter.call(0, || wait_for_semaphore(&self.semaphore))? {
            Ended::Acquired | Ended::Interrupted | Ended::TimedOut => Ok(()),
        }
    }
}
