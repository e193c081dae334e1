//! A release of Linux, as far as features come with one: `5.19`.

use std::{fmt, str::FromStr};

/// A release of Linux. Stable updates (the third number) bring no features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KernelRelease {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelRelease {
    /// Linux `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
}

/// Text that is no release of Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoKernelRelease;

impl fmt::Display for NoKernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kernel release is two numbers, such as 5.19")
    }
}

impl std::error::Error for NoKernelRelease {}

impl FromStr for KernelRelease {
    type Err = NoKernelRelease;

    /// Reads `5.19`, or `5.19.3`, whose last number does not count.
    fn from_str(text: &str) -> Result<Self, NoKernelRelease> {
        let number = |digits: &str| -> Result<u16, NoKernelRelease> {
            let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !all_digits {
                return Err(NoKernelRelease);
            }
            digits.parse().map_err(|_| NoKernelRelease)
        };
        let mut numbers = text.split('.').map(number);
        let mut next = || numbers.next();
        match (next(), next(), next(), next()) {
            (Some(Ok(major)), Some(Ok(minor)), None | Some(Ok(_)), None) if major > 0 => {
                Ok(Self { major, minor })
            }
            _ => Err(NoKernelRelease),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_or_three() {
        let read = |text: &str| text.parse::<KernelRelease>();
        assert_eq!(read("5.19"), Ok(KernelRelease::new(5, 19)));
        assert_eq!(read("6.1.0"), Ok(KernelRelease::new(6, 1)));
        for wrong in [
            "", "5", "5.", "5.x", "v5.1", "5.1.2.3", "0.1", "5.+1", "5.99999", " 5.1", "6.1-rc1",
        ] {
            assert_eq!(read(wrong), Err(NoKernelRelease), "{wrong}");
        }
    }

    #[test]
    fn they_are_ordered_as_numbers() {
        assert!(KernelRelease::new(5, 10) > KernelRelease::new(5, 9));
        assert!(KernelRelease::new(6, 0) > KernelRelease::new(5, 19));
        assert_eq!(KernelRelease::new(5, 4).to_string(), "5.4");
    }
}
