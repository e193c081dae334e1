//! The user's cache folder: linkers by the LLVM that they are built against, and
//! which of them have linked a probe of which compiler.
//!
//! ```text
//! <cache>/cargo-ebpf/
//!   linkers/<version>-llvm-<version>-<hash of libLLVM>/bin/bpf-linker   whole, or not there
//!   building/<the same>/                                             an unfinished build
//!   building/<the same>.lock                                         who builds it now
//!   proofs/<hash of compiler and linker>                             a probe was linked
//!   env/<path of a cargo>/cargo                                      made by `cargo ebpf env`
//!   kernels/                                                         `cargo ebpf kernels` has it
//!   agents/                                                          cargo-ebpf for its guests
//! ```

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{PROGRAM, VERSION};
use crate::{Code, Error, Result, file, toolchain::Toolchain};

/// The folder, `$XDG_CACHE_HOME/cargo-ebpf` or `~/.cache/cargo-ebpf`. It may not exist.
///
/// # Errors
/// When neither XDG_CACHE_HOME nor a home folder is known.
pub fn folder() -> Result<PathBuf> {
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        // A relative one is to be ignored, says the XDG base directory specification.
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".cache")))
        .map(|cache| cache.join("cargo-ebpf"))
        .ok_or_else(|| {
            Error::new(Code::NoHome, "the cache directory is unknown")
                .because("neither XDG_CACHE_HOME nor HOME is set")
                .fix("set HOME, then run the same command again")
        })
}

/// The place of the linker for one LLVM.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    cache: PathBuf,
    name: String,
}

/// The entry for the LLVM that `toolchain` loads: one file, one entry, so that two
/// compilers never share a linker that only fits one of them.
pub(super) fn entry(toolchain: &Toolchain) -> Result<Entry> {
    let libllvm = file::identity(&toolchain.libllvm()?)?;
    Ok(Entry {
        cache: folder()?,
        name: format!(
            "{VERSION}-llvm-{}-{}",
            toolchain.llvm,
            file::short_hash(&libllvm)
        ),
    })
}

impl Entry {
    /// The finished entry: there whole or not at all.
    pub(super) fn folder(&self) -> PathBuf {
        self.cache.join("linkers").join(&self.name)
    }

    /// The linker in the finished entry.
    pub(super) fn linker(&self) -> PathBuf {
        self.folder().join("bin").join(PROGRAM)
    }

    /// Where it is built.
    pub(super) fn building(&self) -> PathBuf {
        self.cache.join("building").join(&self.name)
    }

    /// Locked by who builds it.
    pub(super) fn lock(&self) -> PathBuf {
        self.cache
            .join("building")
            .join(format!("{}.lock", self.name))
    }
}

/// The file that says that `linker` has linked a probe of `toolchain`. Its name
/// changes when either is replaced.
pub(super) fn proof(toolchain: &Toolchain, linker: &Path) -> Result<PathBuf> {
    let pair = format!(
        "{}|{}|{}",
        file::identity(&toolchain.rustc)?,
        toolchain.release,
        file::identity(linker)?
    );
    Ok(folder()?.join("proofs").join(file::short_hash(&pair)))
}
