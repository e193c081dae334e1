//! The kernel that this runs on.

use std::fs;

use libtest_mimic::Failed;

/// Has the tracepoints of waits for kernel locks.
pub(crate) const WAITS: (u16, u16) = (5, 19);

/// Has the tracepoint of a holder that lets a kernel lock go with somebody waiting for it.
pub(crate) const RELEASES: (u16, u16) = (7, 2);

/// Its major and minor version.
pub(crate) fn version() -> Result<(u16, u16), Failed> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(format!("no version in the release {release:?}").into()),
    }
}
