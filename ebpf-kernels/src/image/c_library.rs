//! The C library that programs for guests of another architecture are linked with: musl, from
//! the Debian archive. Nothing is installed.

use std::{fs, path::PathBuf};

use ebpf_base::{Error, Result};

use super::{apt::Apt, deb, kernels::Kernels};
use crate::Architecture;

const PACKAGE: &str = "musl-dev";

/// What comes before and after the objects of a program, and the library.
const FILES: [&str; 4] = ["crt1.o", "crti.o", "crtn.o", "libc.a"];

/// The libraries that Rust's unwinds with, by the names that it has for them. They are empty, as
/// Debian's need glibc. A program that aborts on panics calls `_Unwind_Backtrace` and
/// `_Unwind_GetIP` only, for backtraces, and can define them itself.
const UNWINDING: [&str; 2] = ["libunwind.a", "libgcc_eh.a"];

/// A static library without members.
const EMPTY: &[u8] = b"!<arch>\n";

impl Kernels<'_> {
    /// The directory of the C library for static programs for `architecture`: musl, with
    /// `crt1.o`, `crti.o`, `crtn.o` and `libc.a`; what unwinds stacks is missing.
    /// It is fetched from the Debian archive, unless it is in the cache.
    ///
    /// # Errors
    /// When it is not in the cache and cannot be fetched.
    pub fn c_library(&mut self, architecture: Architecture) -> Result<PathBuf> {
        let library = self.cache.c_library(architecture);
        if library.is_dir() {
            return Ok(library);
        }
        self.refresh(architecture)?;
        let _lock = self.cache.lock(self.progress)?;
        // Another run may have fetched it while we waited.
        if library.is_dir() {
            return Ok(library);
        }
        let apt = Apt::new(architecture, self.cache.apt(architecture)?, self.spawn)?;
        self.progress
            .begin(&format!("Downloading the C library for {architecture}"));
        let workplace = self.cache.workplace()?;
        let made = workplace.path().join("entry");
        fs::create_dir_all(&made).map_err(|cause| Error::io("make", &made, &cause))?;
        let package = apt.fetch(PACKAGE, workplace.path())?;
        for file in FILES {
            let place = format!("usr/lib/{}-linux-musl/{file}", architecture.compiler());
            deb::extract(&package, &[place], &made.join(file))?;
        }
        for name in UNWINDING {
            let file = made.join(name);
            fs::write(&file, EMPTY).map_err(|cause| Error::io("write", &file, &cause))?;
        }
        fs::rename(&made, &library).map_err(|cause| Error::io("write", &library, &cause))?;
        self.progress.end();
        Ok(library)
    }
}
