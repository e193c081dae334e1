//! Architectures of processors, by the names that kernels and Debian have for them.

use std::{fmt, str::FromStr};

use object::elf::{EM_AARCH64, EM_X86_64};
use serde::{Deserialize, Serialize};

/// An architecture whose kernels can be booted.
// Not non_exhaustive: with another one, whoever has a table of them should not compile.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Architecture {
    /// 64-bit x86. Data without an architecture is from before there were others.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "arm64")]
    Arm64,
}

/// What an architecture is called.
struct Names {
    /// In the name of a kernel: `6.1/x86_64`.
    name: &'static str,
    /// What else a user may write.
    others: &'static [&'static str],
    /// Debian's name, which its packages end in.
    debian: &'static str,
    /// The name in the triples of compilers.
    compiler: &'static str,
    /// `e_machine` of ELF files.
    elf: u16,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// This machine's; none if it is none of these.
    pub const HOST: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(Self::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Self::Arm64)
    } else {
        None
    };

    const fn names(self) -> &'static Names {
        match self {
            Self::X86_64 => &Names {
                name: "x86_64",
                others: &["x86-64"],
                debian: "amd64",
                compiler: "x86_64",
                elf: EM_X86_64,
            },
            Self::Arm64 => &Names {
                name: "arm64",
                others: &[],
                debian: "arm64",
                compiler: "aarch64",
                elf: EM_AARCH64,
            },
        }
    }

    /// As it is written in the name of a kernel: `x86_64`.
    pub const fn name(self) -> &'static str {
        self.names().name
    }

    /// Whatever it is called.
    pub(crate) fn spellings(self) -> impl Iterator<Item = &'static str> {
        let names = self.names();
        let others = names.others.iter().copied();
        others.chain([names.name, names.debian, names.compiler])
    }

    /// Its name in the triples of compilers: `x86_64`, `aarch64`.
    pub const fn compiler(self) -> &'static str {
        self.names().compiler
    }

    /// The one that ELF files with this `e_machine` are for.
    pub(crate) fn of_elf(machine: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.names().elf == machine)
    }

    /// Debian's name: `amd64`.
    pub(crate) const fn debian(self) -> &'static str {
        self.names().debian
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text does not name an [`Architecture`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseArchitectureError;

impl fmt::Display for ParseArchitectureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Architecture::ALL.map(Architecture::name);
        write!(f, "use {}", names.join(" or "))
    }
}

impl std::error::Error for ParseArchitectureError {}

impl FromStr for Architecture {
    type Err = ParseArchitectureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_named = |architecture: &Self| architecture.spellings().any(|name| name == text);
        Self::ALL
            .into_iter()
            .find(is_named)
            .ok_or(ParseArchitectureError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_read() {
        for architecture in Architecture::ALL {
            for name in architecture.spellings() {
                assert_eq!(name.parse(), Ok(architecture));
            }
            let json = serde_json::to_string(&architecture).unwrap();
            assert_eq!(json, format!("\"{architecture}\""));
        }
        let error = "mips".parse::<Architecture>().unwrap_err();
        assert!(error.to_string().contains("x86_64"), "{error}");
    }
}
