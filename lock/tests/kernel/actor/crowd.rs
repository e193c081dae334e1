//! Very many processes and threads that live for a moment and wait for each other meanwhile.
//! A fork bomb with a bound.

use std::{io, process, sync::Mutex, thread, time::Duration};

use serde_json::json;

use super::{await_begin, tell};

/// How many processes there are, one after the other but for so many at once; each has one
/// thread more.
const PROCESSES: u32 = 1000;
const AT_ONCE: u32 = 20;

/// Waits for the sign, then has them come and go.
pub(super) fn act() -> io::Result<()> {
    tell(&json!({ "pid": process::id() }))?;
    await_begin()?;
    let (mut started, mut ended) = (0, 0);
    while ended < PROCESSES {
        if started < PROCESSES && started - ended < AT_ONCE {
            fork(wait_and_end)?;
            started += 1;
            continue;
        }
        // SAFETY: waits for any child, of which there is one.
        if unsafe { libc::wait(std::ptr::null_mut()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        ended += 1;
    }
    tell(&json!({ "processes": started }))
}

/// A process with one thread more, which waits for a mutex.
fn wait_and_end() {
    let mutex = Mutex::new(());
    thread::scope(|scope| {
        let held = mutex.lock();
        scope.spawn(|| drop(mutex.lock()));
        // Long enough for the other thread to wait, mostly.
        thread::sleep(Duration::from_micros(300));
        drop(held);
    });
}

fn fork(child: fn()) -> io::Result<()> {
    // SAFETY: this process has only the current thread, so that no lock of its memory is
    // held by another one.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            child();
            process::exit(0);
        }
        _ => Ok(()),
    }
}
