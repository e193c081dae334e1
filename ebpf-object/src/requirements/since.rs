//! From which release on a kernel has something.

use std::{fmt, str::FromStr};

use ebpf_base::{KernelVersion, ParseKernelVersionError};
use serde::{Serialize, Serializer};

/// The first release that has something, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Since {
    /// The oldest release that is known to have it.
    pub by: KernelVersion,
    /// No release before this one has it; the same as `by` where it is exact.
    pub not_before: KernelVersion,
}

/// Whether a kernel has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has it.
    There,
    /// It lacks it.
    Absent,
    /// The kernel lies between the last one known without and the first one known with it.
    Unknown,
}

impl Since {
    /// The release that must be asked for; none where nothing shows that an older one
    /// lacks it.
    pub fn floor(self) -> Option<KernelVersion> {
        (self.not_before > KernelVersion::default()).then_some(self.by)
    }

    /// The last release before it; none where nothing shows one.
    pub fn last_before(self) -> Option<KernelVersion> {
        /// The last release with each first number.
        const LAST: [(u16, u16); 4] = [(3, 19), (4, 20), (5, 19), (6, 19)];
        let KernelVersion { major, minor } = self.not_before;
        match minor.checked_sub(1) {
            Some(minor) => Some(KernelVersion::new(major, minor)),
            None => LAST
                .into_iter()
                .find(|(last, _)| last + 1 == major)
                .map(|(major, minor)| KernelVersion::new(major, minor)),
        }
    }

    /// Whether Linux `release` has it.
    pub fn at(self, release: KernelVersion) -> Presence {
        match () {
            () if release >= self.by => Presence::There,
            () if release < self.not_before => Presence::Absent,
            () => Presence::Unknown,
        }
    }
}

impl FromStr for Since {
    type Err = ParseKernelVersionError;

    /// Reads `5.19`, `..5.10` (5.10 or older) or `5.11..6.1` (one of these).
    fn from_str(text: &str) -> Result<Self, ParseKernelVersionError> {
        let Some((not_before, by)) = text.split_once("..") else {
            let by = text.parse()?;
            return Ok(Self { by, not_before: by });
        };
        let by = by.parse()?;
        let not_before = match not_before {
            "" => KernelVersion::default(),
            release => release.parse()?,
        };
        if not_before > by {
            return Err(ParseKernelVersionError);
        }
        Ok(Self { by, not_before })
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, not_before } = self;
        f.pad(&match () {
            () if by == not_before => by.to_string(),
            () if *not_before == KernelVersion::default() => format!("{by} or older"),
            () => format!("{not_before} to {by}"),
        })
    }
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_exact_is_unknown_in_between() {
        let at = |since: &str, release: &str| {
            let since: Since = since.parse().unwrap();
            since.at(release.parse().unwrap())
        };
        assert_eq!(at("5.19", "5.18"), Presence::Absent);
        assert_eq!(at("5.19", "5.19"), Presence::There);
        assert_eq!(at("..5.10", "5.10"), Presence::There);
        assert_eq!(at("..5.10", "5.9"), Presence::Unknown);
        assert_eq!(at("5.11..6.1", "5.10"), Presence::Absent);
        assert_eq!(at("5.11..6.1", "5.15"), Presence::Unknown);
        assert_eq!(at("5.11..6.1", "6.1"), Presence::There);
    }

    #[test]
    fn releases_before_others() {
        let last = |text: &str| {
            let last = text.parse::<Since>().unwrap().last_before();
            last.map(|last| last.to_string())
        };
        assert_eq!(last("6.12").as_deref(), Some("6.11"));
        assert_eq!(last("6.2..6.12").as_deref(), Some("6.1"));
        assert_eq!(last("6.0").as_deref(), Some("5.19"));
        assert_eq!(last("7.0").as_deref(), Some("6.19"));
        assert_eq!(last("..5.10"), None);
    }

    #[test]
    fn its_words() {
        let words = |text: &str| text.parse::<Since>().unwrap().to_string();
        assert_eq!(words("5.19"), "5.19");
        assert_eq!(words("..5.10"), "5.10 or older");
        assert_eq!(words("5.11..6.1"), "5.11 to 6.1");
        let floor = |text: &str| text.parse::<Since>().unwrap().floor();
        assert_eq!(floor("5.11..6.1"), Some(KernelVersion::new(6, 1)));
        assert_eq!(floor("..5.10"), None);
        assert_eq!("6.2..6.1".parse::<Since>(), Err(ParseKernelVersionError));
    }
}
