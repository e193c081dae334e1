//! Which loader an object is made for.

use std::{ffi::CStr, fmt, str::FromStr};

use ebpf_base::Result;
use serde::{Deserialize, Serialize};

use crate::elf::Elf;

/// A library that loads objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Loader {
    /// Aya, for programs in Rust.
    Aya,
    /// libbpf 1.0 and later, for programs in C.
    Libbpf,
}

impl Loader {
    /// The loader that the object in `data` is made for: libbpf if it is compiled from C, Aya if
    /// it is compiled from Rust, or nothing in it shows its language.
    ///
    /// # Errors
    /// When `data` is not a whole BPF object.
    pub fn of(data: &[u8]) -> Result<Self> {
        Ok(Self::of_elf(&Elf::parse(data)?))
    }

    pub(crate) fn of_elf(elf: &Elf<'_>) -> Self {
        let has = |section, text: &str| {
            let found = elf.section(section);
            found.is_some_and(|(_, section)| contains(section.data, text.as_bytes()))
        };
        // The compiler in DWARF, and the source files that BTF names.
        let is_rust = has(".debug_str", "rustc version") || has(".BTF", ".rs\0");
        let is_c = || has(".debug_str", "clang version") || has(".BTF", ".c\0");
        if !is_rust && is_c() {
            Self::Libbpf
        } else {
            Self::Aya
        }
    }

    /// The license of programs whose object declares none.
    pub const fn default_license(self) -> &'static CStr {
        match self {
            Self::Aya => c"GPL",
            Self::Libbpf => c"",
        }
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Aya => "Aya",
            Self::Libbpf => "libbpf",
        })
    }
}

/// The error for a name of none of the loaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseLoaderError;

impl fmt::Display for ParseLoaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected aya or libbpf")
    }
}

impl std::error::Error for ParseLoaderError {}

impl FromStr for Loader {
    type Err = ParseLoaderError;

    fn from_str(name: &str) -> std::result::Result<Self, ParseLoaderError> {
        match name {
            "aya" => Ok(Self::Aya),
            "libbpf" => Ok(Self::Libbpf),
            _ => Err(ParseLoaderError),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_language_determines_the_loader() {
        let of = |name: &str| {
            let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../cargo-ebpf/tests");
            Loader::of(&fs::read(format!("{directory}/{name}.o")).unwrap()).unwrap()
        };
        for name in ["objects/aya-btf", "objects/aya-legacy"] {
            assert_eq!(of(name), Loader::Aya, "{name}");
        }
        for name in [
            "objects/libbpf-el",
            "objects/libbpf-eb",
            "linking/objects/maps",
        ] {
            assert_eq!(of(name), Loader::Libbpf, "{name}");
        }
    }
}
