//! The running kernel, as far as it decides whether a test can run.

use std::{fmt, fs, path::Path};

use crate::skip;

/// Major and minor version of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub u16, pub u16);

impl Version {
    /// The running kernel's. 0.0 where `/proc` does not say.
    pub(crate) fn running() -> Self {
        Self::of_release(&release())
    }

    fn of_release(release: &str) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self(next(), next())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The release as `uname -r` prints it.
pub(crate) fn release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim().to_owned()
}

/// Skips the test on kernels before `major.minor`.
#[track_caller]
pub fn require_kernel(major: u16, minor: u16) {
    let needed = Version(major, minor);
    if Version::running() < needed {
        skip(&format!(
            "it needs Linux {needed}, and this is {}",
            release()
        ));
    }
}

/// Skips the test where the kernel does not describe its own types.
#[track_caller]
pub fn require_btf() {
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        skip(&format!(
            "Linux {} has no BTF of its own (CONFIG_DEBUG_INFO_BTF)",
            release()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions() {
        assert_eq!(Version::of_release("6.1.0-18-amd64"), Version(6, 1));
        assert_eq!(Version::of_release("7.3-rc1+"), Version(7, 3));
        assert_eq!(Version::of_release(""), Version(0, 0));
        assert!(Version(5, 9) < Version(5, 10));
    }
}
