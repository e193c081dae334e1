//! The version of a kernel.

use std::{ffi::CStr, fmt, mem::MaybeUninit, str::FromStr};

/// The first two numbers of a kernel's version. Features arrive with a release; stable
/// updates (the third number) bring none.
///
/// ```
/// use ebpf_base::KernelVersion;
///
/// let version: KernelVersion = "5.19".parse()?;
/// assert!(version > KernelVersion::new(5, 4));
/// assert_eq!(KernelVersion::of_release("5.19.0-rc3+"), Some(version));
/// # Ok::<(), ebpf_base::ParseKernelVersionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelVersion {
    /// Linux `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The version at the start of a kernel release or of a package's version:
    /// `6.1` of `6.1.0-18-amd64`, `7.3` of `7.3-rc1+`.
    pub fn of_release(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }

    /// The version of the running kernel; `None` if its release has another format.
    pub fn running() -> Option<Self> {
        Self::of_release(&kernel_release())
    }
}

/// The release of the running kernel, as `uname -r` prints it.
pub fn kernel_release() -> String {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: uname fills the struct; zeroed is a valid state of it, and every field
    // that it fills ends with a NUL.
    let release = unsafe {
        libc::uname(name.as_mut_ptr());
        CStr::from_ptr((*name.as_ptr()).release.as_ptr()).to_owned()
    };
    release.to_string_lossy().into_owned()
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
}

/// Returned for text that is not a kernel version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseKernelVersionError;

impl fmt::Display for ParseKernelVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kernel release is two numbers, such as 5.19")
    }
}

impl std::error::Error for ParseKernelVersionError {}

impl FromStr for KernelVersion {
    type Err = ParseKernelVersionError;

    /// Parses `5.19`, or `5.19.3`, of which the last number is dropped.
    fn from_str(text: &str) -> Result<Self, ParseKernelVersionError> {
        let number = |digits: &str| -> Result<u16, ParseKernelVersionError> {
            let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !all_digits {
                return Err(ParseKernelVersionError);
            }
            digits.parse().map_err(|_| ParseKernelVersionError)
        };
        let mut numbers = text.split('.').map(number);
        let mut next = || numbers.next();
        match (next(), next(), next(), next()) {
            (Some(Ok(major)), Some(Ok(minor)), None | Some(Ok(_)), None) if major > 0 => {
                Ok(Self { major, minor })
            }
            _ => Err(ParseKernelVersionError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_or_three() {
        let read = |text: &str| text.parse::<KernelVersion>();
        assert_eq!(read("5.19"), Ok(KernelVersion::new(5, 19)));
        assert_eq!(read("6.1.0"), Ok(KernelVersion::new(6, 1)));
        for wrong in [
            "", "5", "5.", "5.x", "v5.1", "5.1.2.3", "0.1", "5.+1", "5.99999", " 5.1", "6.1-rc1",
        ] {
            assert_eq!(read(wrong), Err(ParseKernelVersionError), "{wrong}");
        }
    }

    #[test]
    fn releases_begin_with_a_version() {
        let of = KernelVersion::of_release;
        assert_eq!(of("6.18.44-fc-v669"), Some(KernelVersion::new(6, 18)));
        assert_eq!(of("5.10.0-30-cloud-amd64"), Some(KernelVersion::new(5, 10)));
        assert_eq!(of("6.12.107+deb13"), Some(KernelVersion::new(6, 12)));
        assert_eq!(of("7.3-rc1+"), Some(KernelVersion::new(7, 3)));
        for wrong in ["", "6", "6.", ".1", "x.y", "99999999999.1"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_are_ordered_as_numbers() {
        assert!(KernelVersion::new(5, 10) > KernelVersion::new(5, 9));
        assert!(KernelVersion::new(6, 0) > KernelVersion::new(5, 19));
        assert_eq!(KernelVersion::new(5, 4).to_string(), "5.4");
    }

    #[test]
    fn the_running_kernel_has_a_version() {
        assert!(KernelVersion::running() > Some(KernelVersion::new(4, 0)));
    }
}
