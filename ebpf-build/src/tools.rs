//! The compiler and the linker that a build uses.

use std::{ffi::OsString, fs, path::Path};

use crate::{
    Result,
    linker::{self, Linker},
    target::Target,
    toolchain::{self, Pin, Toolchain},
};

/// A compiler, and a linker that is proven to fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildTools {
    /// The compiler and its cargo.
    pub toolchain: Toolchain,
    /// The linker.
    pub linker: Linker,
}

impl BuildTools {
    /// The tools on this machine. Installs nothing: see [`linker::install`].
    ///
    /// # Errors
    /// When there is no toolchain or no linker that fits.
    pub fn find() -> Result<Self> {
        let toolchain = Toolchain::find()?;
        let linker = linker::find(&toolchain)?;
        Ok(Self { toolchain, linker })
    }

    /// The tools for the crate in `directory`: of the toolchain that its project pins, if they can
    /// build for BPF and the user has chosen no other.
    ///
    /// # Errors
    /// As [`BuildTools::find`].
    pub fn find_for(directory: &Path) -> Result<Self> {
        // Of `loader/../probe`, the directories above the loader are not those above the crate.
        let real = fs::canonicalize(directory);
        let directory = real.as_deref().unwrap_or(directory);
        let pin = Pin::of(directory).filter(|_| !toolchain::is_overridden());
        match pin.map(|pin| Self::of_pin(&pin)) {
            Some(Ok(tools)) => Ok(tools),
            _ => Self::find(),
        }
    }

    /// The tools of the toolchain that a project pins.
    ///
    /// # Errors
    /// When it is not installed or cannot build for BPF, or no linker fits it.
    pub fn of_pin(pin: &Pin) -> Result<Self> {
        let toolchain = pin.toolchain()?;
        let linker = linker::find(&toolchain)?;
        Ok(Self { toolchain, linker })
    }

    /// Tools that were found one by one.
    pub fn new(toolchain: Toolchain, linker: Linker) -> Self {
        Self { toolchain, linker }
    }

    /// PATH with the linker's directory first: what a build script that builds an eBPF crate by
    /// itself finds as `bpf-linker`.
    ///
    /// # Errors
    /// When the linker's directory has a colon in its name, which PATH cannot contain.
    pub fn path(&self) -> Result<OsString> {
        self.linker.first_on_path()
    }

    /// The environment in which a plain `cargo build` in an eBPF crate's directory uses
    /// these tools, as [`Build`](crate::Build) does.
    ///
    /// # Errors
    /// When the linker's directory has a colon in its name, which PATH cannot contain.
    pub fn exports(&self) -> Result<Vec<(&'static str, OsString)>> {
        let linker = &self.linker;
        let mut exports = vec![
            ("PATH", self.path()?),
            ("RUSTC", self.toolchain.rustc.clone().into_os_string()),
        ];
        if self.toolchain.bootstrap {
            exports.push(("RUSTC_BOOTSTRAP", "1".into()));
        }
        exports.extend(
            Target::ALL.map(|target| (target.linker_variable(), linker.path.clone().into())),
        );
        Ok(exports)
    }
}
