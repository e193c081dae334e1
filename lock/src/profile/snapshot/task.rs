//! Processes and their threads.

use crate::profile::snapshot::ProcessId;

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// Its name, as `ps` shows it.
    pub(crate) comm: String,
    /// Its cgroup's path, `/system.slice/...`; empty if not known.
    pub(crate) cgroup: String,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Thread {
    /// Its number.
    pub(crate) tid: u32,
    /// Its own name.
    pub(crate) comm: String,
    /// Its process.
    pub(crate) process: ProcessId,
}
