//! The compiler and the linker that a build uses.

use std::{ffi::OsString, path::Path};

use crate::{
    Error, Result,
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

/// A pinned toolchain that a build does not use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnusedPin {
    /// The pin.
    pub pin: Pin,
    /// Why the toolchain cannot build for BPF here. `None` where the user has chosen another one.
    pub cause: Option<Error>,
}

impl BuildTools {
    /// The tools on this machine. Installs nothing: see [`linker::install`].
    ///
    /// # Errors
    /// When no toolchain is found, or no linker that fits it.
    pub fn find() -> Result<Self> {
        Self::with_linker(Toolchain::find()?)
    }

    /// The tools for the crate in `directory`, by the toolchain that its project pins.
    ///
    /// # Errors
    /// As [`BuildTools::find`].
    pub fn find_for(directory: &Path) -> Result<Self> {
        let (tools, _) = Self::find_by_pin(Pin::of(directory))?;
        Ok(tools)
    }

    /// The tools of the toolchain that a project pins, if they can build for BPF and the user has
    /// chosen no other; else those of [`BuildTools::find`], with the reason.
    ///
    /// # Errors
    /// As [`BuildTools::find`].
    pub fn find_by_pin(pin: Option<Pin>) -> Result<(Self, Option<UnusedPin>)> {
        let Some(pin) = pin else {
            return Ok((Self::find()?, None));
        };
        let pinned = pin.toolchain().and_then(Self::with_linker);
        if let Ok(tools) = &pinned
            && !toolchain::is_overridden()
        {
            return Ok((tools.clone(), None));
        }
        let used = Self::find()?;
        let is_pinned = |tools: &Self| tools.toolchain.rustc == used.toolchain.rustc;
        let unused = (!pinned.as_ref().is_ok_and(is_pinned)).then(|| UnusedPin {
            pin,
            cause: pinned.err(),
        });
        Ok((used, unused))
    }

    fn with_linker(toolchain: Toolchain) -> Result<Self> {
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
