//! What a user asks for: the kernels of `--kernel`.

use std::{fmt, path::PathBuf, str::FromStr};

use ebpf_base::KernelVersion;

/// A kernel, or several, as a user names them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelSpec {
    /// `host`: the running kernel.
    Host,
    /// `6.1`: the newest of this release in the cache, or else in the archive.
    Release(KernelVersion),
    /// `all`: each release in the cache or the archive, without the host.
    All,
    /// A path to a kernel image.
    Image(PathBuf),
}

/// Why a text does not name a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseKernelSpecError(String);

impl fmt::Display for ParseKernelSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::error::Error for ParseKernelSpecError {}

impl fmt::Display for KernelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::All => f.write_str("all"),
            Self::Release(version) => version.fmt(f),
            Self::Image(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for KernelSpec {
    type Err = ParseKernelSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "host" => return Ok(Self::Host),
            "all" => return Ok(Self::All),
            _ => {}
        }
        if text.contains('/') {
            return Ok(Self::Image(text.into()));
        }
        if let Some(version) = KernelVersion::of_release(text) {
            // `06.1`, `6.1-rc1` and `6.1.2` mean something else, or nothing.
            if version.to_string() == text {
                return Ok(Self::Release(version));
            }
            return Err(ParseKernelSpecError(format!(
                "a kernel is identified by two numbers: {version}"
            )));
        }
        Err(ParseKernelSpecError(
            "use host, all, a version such as 6.1, or the path of a kernel image (with a /)"
                .to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let release = |major, minor| Ok(KernelSpec::Release(KernelVersion::new(major, minor)));
        assert_eq!("host".parse(), Ok(KernelSpec::Host));
        assert_eq!("all".parse(), Ok(KernelSpec::All));
        assert_eq!("5.10".parse(), release(5, 10));
        assert_eq!("7.3".parse(), release(7, 3));
        assert_eq!(
            "./bzImage".parse(),
            Ok(KernelSpec::Image("./bzImage".into()))
        );
        assert_eq!("boot/6.1".parse(), Ok(KernelSpec::Image("boot/6.1".into())));
    }

    #[test]
    fn the_rest_is_rejected_with_what_to_write() {
        let error = |text: &str| text.parse::<KernelSpec>().unwrap_err().to_string();
        assert!(error("6.1.192-2").ends_with(": 6.1"));
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
            assert!(error(text).contains("6.1"), "{text}");
        }
    }
}
