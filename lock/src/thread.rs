//! Starting threads, which a limit on processes can forbid.

use std::thread::{Builder, JoinHandle};

use crate::{
    error::{Error, Result},
    privileges,
};

/// Runs `work` on a new thread, with no more privileges than recording needs. No thread but the
/// first starts commands.
pub(crate) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let work = || {
        privileges::give_up();
        work()
    };
    Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        Error::new("no-thread", "a thread could not be started")
            .because_of(&error)
            .fix("raise the limits on processes and memory of this user or container (ulimit -u, ulimit -v)")
    })
}
