//! The kernel that this runs on.

use std::fs;

use test_support::Failed;

/// A version, from which on a kernel has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u16, pub(crate) u16);

/// Waits for kernel locks: `contention_begin`, `contention_end`.
pub(crate) const WAITS: Version = Version(5, 19);

/// The oldest kernel in guests that tells of waits at all: from there on, a mutex names its
/// owner while it is waited for.
pub(crate) const OWNERS: Version = WAITS;

/// Who lets a contended kernel lock go: `contended_release`.
pub(crate) const RELEASES: Version = Version(7, 2);

impl Version {
    /// The running kernel's.
    pub(crate) fn running() -> Result<Self, Failed> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self(major, minor)),
            _ => Err(format!("no version in the release {release:?}").into()),
        }
    }
}
