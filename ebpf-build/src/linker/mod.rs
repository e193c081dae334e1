//! A bpf-linker whose LLVM matches the compiler's.
//!
//! The linker reads the bitcode that rustc wrote, so its LLVM must not be older.
//! Its `--version` does not name its LLVM: only linking something proves it.

mod cache;
mod install;
mod probe;
mod proof;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

pub use self::{cache::folder as cache_dir, install::install};
use crate::{Candidates, Code, Error, Result, command::prepend_to_path, toolchain::Toolchain};

/// The bpf-linker that [`install`] builds.
pub const VERSION: &str = "0.13.0";

/// What cargo and the shell look for.
const PROGRAM: &str = "bpf-linker";

/// Where a linker came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user's, from PATH.
    Path,
    /// Built by [`install`].
    Cache,
}

/// A linker that has linked a probe of this toolchain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linker {
    /// The program.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
}

impl Linker {
    /// PATH with this linker's directory first, so that `bpf-linker` means this one.
    pub(crate) fn first_on_path(&self) -> Result<OsString> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        prepend_to_path(directory).map_err(|cause| {
            Error::new(
                Code::PathColon,
                format!("{} cannot be put on PATH", directory.display()),
            )
            .because(cause.to_string())
            .fix("set XDG_CACHE_HOME to a directory without a colon in its name")
        })
    }
}

/// Looks for a linker that fits `toolchain`: the first on PATH, then the cache.
/// Each has to link a probe; that it did is remembered until either file changes.
/// Never builds one.
///
/// # Errors
/// When the probe cannot be made at all.
pub fn search(toolchain: &Toolchain) -> Result<Candidates<Linker>> {
    let mut search = Candidates::default();
    let on_path = ebpf_base::find_program(PROGRAM).map(|path| Linker {
        path,
        origin: Origin::Path,
    });
    let cached = cache::entry(toolchain)
        .ok()
        .map(|entry| entry.linker())
        .filter(|path| path.is_file())
        .map(|path| Linker {
            path,
            origin: Origin::Cache,
        });
    for linker in on_path.into_iter().chain(cached) {
        match proof::prove(toolchain, &linker.path)? {
            None => {
                search.chosen = Some(linker);
                break;
            }
            Some(rejection) => search.rejected.push(rejection),
        }
    }
    Ok(search)
}

/// The linker that [`search`] finds.
///
/// # Errors
/// When there is none (`linker-missing`, or the reason why the one there is does
/// not fit).
pub fn find(toolchain: &Toolchain) -> Result<Linker> {
    let search = search(toolchain)?;
    search.chosen.ok_or_else(|| {
        let error = Error::new(
            Code::LinkerMissing,
            format!(
                "no bpf-linker for the LLVM {} of rustc {} was found",
                toolchain.llvm, toolchain.release
            ),
        )
        .fix("cargo ebpf setup");
        match search.rejected.first() {
            Some(rejection) => error.because(rejection.message.clone()),
            None => error,
        }
    })
}
