//! Standard output, where a result goes.

use std::{
    io::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{Error, Result};

/// Whether the process was started without a standard output. Before `main`, Rust opens
/// `/dev/null` in its place, so that no other file gets its number, and all writes succeed.
static CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: fcntl with this command takes a number and touches no memory.
    let closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1;
    CLOSED.store(closed, Ordering::Relaxed);
}

#[used]
// SAFETY: the section contains addresses of functions that take no arguments, which the C
// library calls before `main`.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// Writes all of `bytes`.
///
/// # Errors
/// As [`written`].
pub fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Whether there is a standard output.
///
/// # Errors
/// When the process was started without one.
pub fn check() -> io::Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(())
}

/// The result of writing to standard output, `outcome`. If the reader of a pipe has closed it, it
/// has seen what it wanted.
///
/// # Errors
/// When the write failed, or standard output is closed.
pub fn written(outcome: io::Result<()>) -> Result<()> {
    match check().and(outcome) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to", "stdout".as_ref(), &cause))
        }
        _ => Ok(()),
    }
}
