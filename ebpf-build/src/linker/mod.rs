//! A bpf-linker whose LLVM matches the compiler's.
//!
//! The linker reads the bitcode that rustc wrote, so its LLVM must not be older.
//! Its `--version` does not name its LLVM: only linking something proves it.

mod cache;
mod install;
mod probe;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

pub use self::{
    cache::folder as cache_dir,
    install::{VERSION, install},
};
use crate::{
    Error, Finding, Result,
    toolchain::{Toolchain, prepend_to_path},
};

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
pub struct Linker {
    /// The program.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
}

impl Linker {
    /// PATH with this linker's folder first, so that `bpf-linker` means this one.
    pub(crate) fn first_on_path(&self) -> Result<OsString> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        prepend_to_path(folder).map_err(|cause| {
            Error::new(
                "path-colon",
                format!("{} cannot be put on PATH", folder.display()),
            )
            .because(cause.to_string())
            .fix("set XDG_CACHE_HOME to a folder without a colon in its name")
        })
    }
}

/// The linker that fits, and why others do not.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A linker that has linked a probe.
    pub linker: Option<Linker>,
    /// Those that failed, one finding each.
    pub rejected: Vec<Finding>,
}

/// Looks for a linker that fits `toolchain`: the first on PATH, then the cache.
/// Each has to link a probe; that it did is remembered until either file changes.
/// Never builds one.
///
/// # Errors
/// When the probe cannot be made at all.
pub fn search(toolchain: &Toolchain) -> Result<Search> {
    let mut search = Search::default();
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
        match prove(toolchain, &linker.path)? {
            None => {
                search.linker = Some(linker);
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
    search.linker.ok_or_else(|| {
        let error = Error::new(
            "linker-missing",
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

/// Has `linker` link a probe, unless it is known to have done so. `None` is success.
fn prove(toolchain: &Toolchain, linker: &Path) -> Result<Option<Finding>> {
    // A cache that cannot be used only costs time.
    let proof = cache::proof(toolchain, linker).ok();
    if proof.as_ref().is_some_and(|proof| proof.is_file()) {
        return Ok(None);
    }
    let rejection = probe::link(toolchain, linker)?;
    if rejection.is_none()
        && let Some(proof) = proof
    {
        let _ = crate::file::write_atomically(&proof, linker.as_os_str().as_encoded_bytes());
    }
    Ok(rejection)
}
