//! Starting threads, which a limit on processes can forbid.

use std::thread::{Builder, JoinHandle};

use ebpf_build::{Error, Result};

use crate::code::Code;

/// Runs `work` on a new thread.
///
/// # Errors
/// When there can be no more threads.
pub(crate) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(work).map_err(|cause| {
        Error::new(Code::NoThread, "a thread could not be started")
            .because(cause.to_string())
            .fix("raise the limits on processes and memory of this user or container (ulimit -u, ulimit -v), then run the same command again")
    })
}
