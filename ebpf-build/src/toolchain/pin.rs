//! Toolchains that a project pins for rustup, in `rust-toolchain.toml`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    Toolchain,
    candidates::{self, Surroundings},
    examine,
};
use crate::{Code, Error, Result};

/// The toolchain that rustup would use in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Pin {
    /// The file that names it.
    pub file: PathBuf,
    /// Its name, or a path.
    pub name: String,
}

impl Pin {
    /// Of the nearest file in `directory` or above, as for rustup.
    pub fn of(directory: &Path) -> Option<Self> {
        // Of `loader/../probe`, the directories above the loader are not those above the crate.
        let real = fs::canonicalize(directory);
        let directory = real.as_deref().unwrap_or(directory);
        directory.ancestors().find_map(|directory| {
            // rustup prefers the name without extension.
            ["rust-toolchain", "rust-toolchain.toml"]
                .iter()
                .find_map(|name| {
                    let file = directory.join(name);
                    let name = name_in(&ebpf_base::read_text(&file).ok()?)?;
                    Some(Self { file, name })
                })
        })
    }

    /// Its compiler.
    ///
    /// # Errors
    /// When it is not installed ([`Code::PinNotInstalled`]), or cannot build for BPF.
    pub fn toolchain(&self) -> Result<Toolchain> {
        let around = Surroundings::read();
        let bin = self.bin(around.rustup_home.as_deref());
        let candidate = bin.and_then(|bin| candidates::pair(&bin));
        match candidate {
            Some(candidate) => examine(&candidate),
            None => Err(Error::new(
                Code::PinNotInstalled,
                format!("the toolchain {} is not installed", self.name),
            )
            .fix(format!(
                "rustup toolchain install {} --component rust-src",
                self.name
            ))),
        }
    }

    /// The directory of its programs.
    fn bin(&self, rustup_home: Option<&Path>) -> Option<PathBuf> {
        if Path::new(&self.name).is_absolute() {
            return Some(Path::new(&self.name).join("bin"));
        }
        // As in nightly-2026-01-31-x86_64-unknown-linux-gnu.
        let with_host = format!("{}-{}-", self.name, env::consts::ARCH);
        let installed = fs::read_dir(rustup_home?.join("toolchains")).ok()?;
        let found = installed.flatten().find(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name == self.name.as_str() || name.starts_with(&with_host)
        })?;
        Some(found.path().join("bin"))
    }
}

/// Whether the user has chosen the compiler in another way, which counts more.
pub fn is_overridden() -> bool {
    candidates::is_chosen(&Surroundings::read())
}

/// The name in a file: of TOML, or with nothing else in it.
fn name_in(text: &str) -> Option<String> {
    let plain = text.trim();
    if !plain.is_empty() && !plain.contains(['[', '\n', '=']) {
        return Some(plain.to_owned());
    }
    let table: Map<String, Value> = toml_edit::de::from_str(text).ok()?;
    let toolchain = table.get("toolchain")?;
    let name = toolchain.get("channel").or_else(|| toolchain.get("path"))?;
    name.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_files_are_read() {
        assert_eq!(
            name_in("nightly-2026-01-31\n").as_deref(),
            Some("nightly-2026-01-31")
        );
        let toml = "[toolchain]\nchannel = \"1.90\"\ncomponents = [\"rust-src\"]\n";
        assert_eq!(name_in(toml).as_deref(), Some("1.90"));
        let path = "[toolchain]\npath = \"/x\"\n";
        assert_eq!(name_in(path).as_deref(), Some("/x"));
        for none in ["", "[toolchain]\nprofile = \"minimal\"\n", "[toolchain\n"] {
            assert_eq!(name_in(none), None, "{none:?}");
        }
    }

    #[test]
    fn the_nearest_pin_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("probe/src");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(Pin::of(&inner), None);
        let pin = |path: &str, name: &str| {
            let file = root.path().join(path);
            fs::write(&file, name).unwrap();
            let name = name.to_owned();
            Some(Pin { file, name })
        };
        assert_eq!(pin("rust-toolchain", "1.90"), Pin::of(&inner));
        assert_eq!(pin("probe/rust-toolchain", "nightly"), Pin::of(&inner));
    }

    #[test]
    fn a_toolchain_is_found_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let host = format!("{}-unknown-linux-gnu", env::consts::ARCH);
        for name in [
            &format!("nightly-2026-01-31-{host}"),
            &format!("nightly-{host}"),
            &format!("1.90.0-{host}"),
            "mine",
        ] {
            fs::create_dir_all(home.path().join("toolchains").join(name)).unwrap();
        }
        let found = |name: &str| {
            let (file, name) = (PathBuf::new(), name.to_owned());
            let bin = Pin { file, name }.bin(Some(home.path()))?;
            let name = bin.parent()?.file_name()?.to_str()?.to_owned();
            Some(name.replace(&host, "HOST"))
        };
        assert_eq!(found("nightly").as_deref(), Some("nightly-HOST"));
        assert_eq!(
            found("nightly-2026-01-31").as_deref(),
            Some("nightly-2026-01-31-HOST")
        );
        assert_eq!(found("mine").as_deref(), Some("mine"));
        assert_eq!(found("/opt/rust").as_deref(), Some("rust"));
        assert_eq!(found("1.90"), None);
    }
}
