//! What a user asks for: the kernels of `--kernel`.

use std::{fmt, path::PathBuf, str::FromStr};

use ebpf_base::KernelVersion;

use crate::Architecture;

/// A release of the kernel for an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct KernelRelease {
    /// That of the processor.
    pub architecture: Architecture,
    /// The first two numbers of its version.
    pub version: KernelVersion,
}

impl KernelRelease {
    /// The release `version` for `architecture`.
    pub fn new(version: KernelVersion, architecture: Architecture) -> Self {
        Self {
            architecture,
            version,
        }
    }

    /// Its name where `local` is the architecture that needs no mention: `6.1`, or
    /// `6.1/x86_64` elsewhere.
    pub fn name_for(self, local: Option<Architecture>) -> String {
        with_architecture(self.version, self.architecture, local)
    }
}

/// Its name on this machine.
impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name_for(Architecture::HOST))
    }
}

/// `name`, with an architecture that is not the `local` one.
pub(super) fn with_architecture(
    name: impl fmt::Display,
    architecture: Architecture,
    local: Option<Architecture>,
) -> String {
    if local == Some(architecture) {
        name.to_string()
    } else {
        format!("{name}/{architecture}")
    }
}

/// A kernel, or several, as a user names them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelSpec {
    /// `host`: the running kernel.
    Host,
    /// `6.1`: the newest of this release in the cache, or else in the archive.
    Release(KernelRelease),
    /// `all`: each release for an architecture in the cache or the archive, without the host.
    All(Architecture),
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

/// Its name on this machine.
impl fmt::Display for KernelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name_for(Architecture::HOST))
    }
}

impl KernelSpec {
    /// Its name where `local` is the architecture that needs no mention.
    pub fn name_for(&self, local: Option<Architecture>) -> String {
        match self {
            Self::Host => "host".to_owned(),
            Self::All(architecture) => with_architecture("all", *architecture, local),
            Self::Release(release) => release.name_for(local),
            Self::Image(path) => path.display().to_string(),
        }
    }

    /// The architecture of what is booted; none for the running kernel, and for an image, which
    /// is yet to be read.
    pub fn architecture(&self) -> Option<Architecture> {
        match self {
            Self::Host | Self::Image(_) => None,
            Self::Release(release) => Some(release.architecture),
            Self::All(architecture) => Some(*architecture),
        }
    }

    /// What to write instead, if this path looks like a name: `6.1/mips`.
    pub(super) fn misspelt(&self) -> Option<String> {
        let Self::Image(path) = self else {
            return None;
        };
        let name = Name::of(path.parent()?.to_str()?)?;
        let architectures = Architecture::ALL.map(|architecture| match &name {
            Name::All => with_architecture("all", architecture, None),
            Name::Version(version) => with_architecture(version, architecture, None),
        });
        Some(format!("use {}", architectures.join(" or ")))
    }

    /// Reads a name in which the architecture `local` needs no mention.
    ///
    /// # Errors
    /// When it is none, or has no architecture where `local` is none.
    pub fn parse_for(
        text: &str,
        local: Option<Architecture>,
    ) -> Result<Self, ParseKernelSpecError> {
        if text == "host" {
            return Ok(Self::Host);
        }
        let (name, architecture) = match text.rsplit_once('/') {
            None => (text, local),
            // `6.1/arm64`; but `6.1/vmlinuz` is a path.
            Some((name, architecture)) => match architecture.parse() {
                Ok(architecture) if Name::of(name).is_some() => (name, Some(architecture)),
                _ => return Ok(Self::Image(text.into())),
            },
        };
        let name = Name::of(name).ok_or_else(|| ParseKernelSpecError(unnamed(text)))?;
        let architecture = architecture.ok_or_else(|| {
            ParseKernelSpecError(format!(
                "kernels for this machine's architecture are not supported: use {}",
                Architecture::ALL
                    .map(|architecture| with_architecture(text, architecture, None))
                    .join(" or ")
            ))
        })?;
        Ok(match name {
            Name::All => Self::All(architecture),
            Name::Version(version) => Self::Release(KernelRelease::new(version, architecture)),
        })
    }
}

/// A name for an architecture.
enum Name {
    All,
    Version(KernelVersion),
}

impl Name {
    fn of(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self::All);
        }
        // `06.1`, `6.1-rc1` and `6.1.2` mean something else, or nothing.
        let version = KernelVersion::of_release(text)?;
        (version.to_string() == text).then_some(Self::Version(version))
    }
}

/// The valid forms, for a text that has none of them.
fn unnamed(text: &str) -> String {
    KernelVersion::of_release(text).map_or_else(
        || {
            "use host, all, a version such as 6.1, or the path of a kernel image, which must contain a /"
                .to_owned()
        },
        |version| format!("a kernel is identified by two numbers: {version}"),
    )
}

/// Its name on this machine.
impl FromStr for KernelSpec {
    type Err = ParseKernelSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_for(text, Architecture::HOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Option<Architecture> = Some(Architecture::X86_64);

    #[test]
    fn each_form_is_read() {
        let read = |text| KernelSpec::parse_for(text, LOCAL);
        let release = |major, minor, architecture| {
            let version = KernelVersion::new(major, minor);
            Ok(KernelSpec::Release(KernelRelease::new(
                version,
                architecture,
            )))
        };
        assert_eq!(read("host"), Ok(KernelSpec::Host));
        assert_eq!(read("all"), Ok(KernelSpec::All(Architecture::X86_64)));
        assert_eq!(read("5.10"), release(5, 10, Architecture::X86_64));
        assert_eq!(read("7.3"), release(7, 3, Architecture::X86_64));
        assert_eq!(read("7.3/amd64"), release(7, 3, Architecture::X86_64));
        assert_eq!(read("6.1/arm64"), release(6, 1, Architecture::Arm64));
        assert_eq!(read("6.1/aarch64"), release(6, 1, Architecture::Arm64));
        assert_eq!(read("all/arm64"), Ok(KernelSpec::All(Architecture::Arm64)));
        for path in [
            "./bzImage",
            "boot/6.1",
            "6.1/vmlinuz",
            "host/arm64",
            "boot/6.1/arm64",
            "6.1/mips",
            "6.1/",
        ] {
            assert_eq!(read(path), Ok(KernelSpec::Image(path.into())));
        }
    }

    #[test]
    fn a_path_that_looks_like_a_name_is_recognised() {
        let misspelt = |text| KernelSpec::parse_for(text, LOCAL).unwrap().misspelt();
        assert_eq!(
            misspelt("6.1/mips").as_deref(),
            Some("use 6.1/x86_64 or 6.1/arm64")
        );
        assert!(misspelt("all/mips").is_some());
        for other in ["boot/vmlinuz", "./6.1/mips", "/6.1", "6.1"] {
            assert_eq!(misspelt(other), None, "{other}");
        }
    }

    #[test]
    fn without_a_local_architecture_it_has_to_be_written() {
        let error = KernelSpec::parse_for("6.1", None).unwrap_err();
        assert!(
            error.to_string().contains("use 6.1/x86_64 or 6.1/arm64"),
            "{error}"
        );
        let read = KernelSpec::parse_for("6.1/x86_64", None);
        assert_eq!(read, KernelSpec::parse_for("6.1", LOCAL));
        assert_eq!(KernelSpec::parse_for("host", None), Ok(KernelSpec::Host));
    }

    #[test]
    fn a_release_is_read_by_its_name() {
        for local in [None, LOCAL, Some(Architecture::Arm64)] {
            for architecture in Architecture::ALL {
                let release = KernelRelease::new(KernelVersion::new(6, 1), architecture);
                let read = KernelSpec::parse_for(&release.name_for(local), local);
                assert_eq!(read, Ok(KernelSpec::Release(release)));
            }
        }
    }

    #[test]
    fn the_rest_is_rejected_with_what_to_write() {
        let error = |text: &str| KernelSpec::parse_for(text, LOCAL).unwrap_err().to_string();
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
