//! The threads of a workload: named, and never joined.
//!
//! Whoever joins a thread waits for a futex. So that reports show the scenario's waits and no
//! others, nobody here waits for a lock, a condition variable or a thread: all look again
//! after a sleep.

use std::{
    io,
    sync::mpsc::{self, TryRecvError},
    thread,
    time::Duration,
};

use crate::error::{Error, Result};

/// How long a thread sleeps before it looks again whether something has happened.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_micros(100);

/// A thread to be: its name, of at most 15 bytes, and what it does.
pub(crate) type Member<T> = (String, Box<dyn FnOnce() -> io::Result<T> + Send>);

/// Starts threads and takes what they come to, in their order.
///
/// # Errors
///
/// That of a thread that could not be started, failed or panicked. The others then go on
/// until the program ends.
pub(crate) fn run<T: Send + 'static>(members: Vec<Member<T>>) -> Result<Vec<T>> {
    let mut results = Vec::with_capacity(members.len());
    for (name, work) in members {
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name(name)
            .spawn(move || {
                // Nobody listens any more when another thread has failed.
                let _ = sender.send(work());
            })
            .map_err(Error::of("start a thread"))?;
        results.push((receiver, None));
    }
    loop {
        let mut missing = false;
        for (receiver, result) in &mut results {
            if result.is_some() {
                continue;
            }
            match receiver.try_recv() {
                Ok(outcome) => *result = Some(outcome.map_err(Error::of("do its work"))?),
                Err(TryRecvError::Empty) => missing = true,
                Err(TryRecvError::Disconnected) => {
                    let panicked = io::Error::other("a thread panicked");
                    return Err(Error::of("do its work")(panicked));
                }
            }
        }
        if !missing {
            return Ok(results
                .into_iter()
                .filter_map(|(_, result)| result)
                .collect());
        }
        thread::sleep(10 * LOOK_AGAIN);
    }
}

/// Keeps this thread, and those that it starts, on the CPU that it runs on.
///
/// # Errors
///
/// That of the system call.
pub(crate) fn stay_on_this_cpu() -> io::Result<()> {
    // SAFETY: has no preconditions.
    let cpu = unsafe { libc::sched_getcpu() };
    let cpu = usize::try_from(cpu).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: a cpu_set_t is plain data, for which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a CPU beyond the set is ignored; sched_setaffinity then fails for the empty set.
    unsafe { libc::CPU_SET(cpu.min(libc::CPU_SETSIZE as usize - 1), &mut set) };
    // SAFETY: reads a set of the size that is given.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
