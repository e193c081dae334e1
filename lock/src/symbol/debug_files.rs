//! Separate files with debug information.

use std::path::PathBuf;

/// The directories with such files of a process, which may be in a container.
pub(crate) fn debug_directories(pid: u32) -> Vec<PathBuf> {
    vec![format!("/proc/{pid}/root/usr/lib/debug").into()]
}
