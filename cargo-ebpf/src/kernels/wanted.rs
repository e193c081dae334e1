//! What the user writes after `--kernel`.

use std::{fmt, path::PathBuf, str::FromStr};

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `host`: the kernel that runs.
    Host,
    /// `6.1`: the newest of these that is cached, or else that the archive has.
    Release(Release),
    /// `all`: each release that is cached or can be had; the host is not among them.
    All,
    /// A path to a kernel image.
    Image(PathBuf),
}

/// The first two numbers of a kernel's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Release {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "host" => return Ok(Self::Host),
            "all" => return Ok(Self::All),
            _ => {}
        }
        if text.contains('/') {
            return Ok(Self::Image(text.into()));
        }
        if let Ok(release) = text.parse() {
            return Ok(Self::Release(release));
        }
        if let Some(release) = Release::of_version(text) {
            return Err(format!("kernels are named by two numbers: {release}"));
        }
        Err(
            "write host, all, a version like 6.1, or the path of a kernel image (with a /)"
                .to_owned(),
        )
    }
}

impl Release {
    /// Of a longer version: `6.1` of `6.1.192-2` and of `6.1.0-49-cloud-amd64`.
    pub(super) fn of_version(version: &str) -> Option<Self> {
        let mut numbers = version.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl FromStr for Release {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let release = Self::of_version(text).ok_or(())?;
        // `06.1`, `6.1-rc1` and `6.1.2` mean something else, or nothing.
        (release.to_string() == text).then_some(release).ok_or(())
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let release = |major, minor| Ok(Wanted::Release(Release { major, minor }));
        assert_eq!("host".parse(), Ok(Wanted::Host));
        assert_eq!("all".parse(), Ok(Wanted::All));
        assert_eq!("5.10".parse(), release(5, 10));
        assert_eq!("7.3".parse(), release(7, 3));
        assert_eq!("./bzImage".parse(), Ok(Wanted::Image("./bzImage".into())));
        assert_eq!("boot/6.1".parse(), Ok(Wanted::Image("boot/6.1".into())));
    }

    #[test]
    fn the_rest_is_refused_with_what_to_write() {
        let said = |text: &str| text.parse::<Wanted>().unwrap_err();
        assert!(said("6.1.192-2").ends_with(": 6.1"));
        for text in [
            "",
            "6",
            "x.y",
            "Host",
            "6.",
            ".1",
            "99999999999.1",
            "bzImage",
        ] {
            assert!(said(text).contains("6.1"), "{text}");
        }
    }

    #[test]
    fn releases_are_in_the_order_of_their_numbers() {
        let of = |text: &str| text.parse::<Release>().unwrap();
        assert!(of("5.10") > of("5.9") && of("6.1") > of("5.19"));
        assert_eq!(
            Release::of_version("6.12.107+deb13-cloud-amd64"),
            Some(of("6.12"))
        );
    }
}
