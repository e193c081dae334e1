//! An executable, and the libraries that it needs to run.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use ebpf_base::{Error, Result};
use object::{
    Endianness,
    elf::{FileHeader64, PT_INTERP},
    read::elf::{FileHeader as _, ProgramHeader as _},
};

use crate::{Architecture, code::Code, process::Spawn};

/// An executable, and the files that it loads when it starts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Executable {
    /// Its bytes, without sections that only debuggers read.
    pub bytes: Vec<u8>,
    /// The processors that it is for; none if they are not among these.
    pub architecture: Option<Architecture>,
    /// The paths of the dynamic loader and of the shared libraries; none if it is linked
    /// statically.
    pub libraries: Vec<PathBuf>,
}

impl Executable {
    /// Reads the executable at `path`. Its dynamic loader reports where the libraries are:
    /// nothing else knows that on every distribution.
    ///
    /// # Errors
    /// When it cannot be read, is not an ELF executable, or lacks a library.
    pub fn read(path: &Path, spawn: &dyn Spawn) -> Result<Self> {
        let mut bytes = fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
        let unusable = |cause: &dyn std::fmt::Display| {
            Error::new(
                Code::ExecutableUnusable,
                format!("{} cannot run in a guest", path.display()),
            )
            .because(cause.to_string())
        };
        let layout = Layout::of(&bytes).map_err(|cause| unusable(&cause))?;
        bytes.truncate(layout.loaded_end);
        forget_sections(&mut bytes);
        let Some(loader) = layout.loader else {
            return Ok(Self {
                bytes,
                architecture: layout.architecture,
                libraries: Vec::new(),
            });
        };
        let mut command = Command::new(&loader);
        command.arg("--list").arg(path);
        let listing = spawn.output(command).map_err(|error| unusable(&error))?;
        if !listing.status.success() {
            return Err(unusable(&String::from_utf8_lossy(&listing.stderr).trim()));
        }
        let mut libraries =
            named_in(&String::from_utf8_lossy(&listing.stdout)).map_err(|missing| {
                unusable(&format!("the dynamic loader cannot find {missing}"))
                    .fix("install this library, or link the program statically")
            })?;
        if !libraries.contains(&loader) {
            libraries.push(loader);
        }
        Ok(Self {
            bytes,
            architecture: layout.architecture,
            libraries,
        })
    }
}

struct Layout {
    architecture: Option<Architecture>,
    /// The dynamic loader.
    loader: Option<PathBuf>,
    /// Where the last byte that is loaded ends. Behind it stand the sections for
    /// debuggers, which are most of a development build.
    loaded_end: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> object::read::Result<Self> {
        let header = FileHeader64::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let mut layout = Self {
            architecture: Architecture::of_elf(header.e_machine(endian)),
            loader: None,
            loaded_end: 0,
        };
        for segment in header.program_headers(endian, bytes)? {
            let (offset, size) = segment.file_range(endian);
            let end = usize::try_from(offset.saturating_add(size)).unwrap_or(usize::MAX);
            layout.loaded_end = layout.loaded_end.max(end.min(bytes.len()));
            if segment.p_type(endian) == PT_INTERP {
                let name = segment.data(endian, bytes).unwrap_or_default();
                let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                layout.loader = Some(OsStr::from_bytes(name).into());
            }
        }
        Ok(layout)
    }
}

/// Takes the place of the section table, which was cut off, out of the header: 64-bit
/// ELF has it at these offsets (e_shoff; e_shnum and e_shstrndx). Executables run without.
fn forget_sections(bytes: &mut [u8]) {
    for field in [0x28..0x30, 0x3c..0x40] {
        if let Some(field) = bytes.get_mut(field) {
            field.fill(0);
        }
    }
}

/// The paths in what a dynamic loader lists: `name => path (address)`, or the path of
/// the loader alone.
///
/// # Errors
/// The name of a library that is not there.
fn named_in(listing: &str) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for line in listing.lines() {
        let (name, found) = match line.trim().split_once(" => ") {
            Some((name, found)) => (name, found),
            None => (line.trim(), line.trim()),
        };
        if found == "not found" {
            return Err(name.to_owned());
        }
        let path = found.rsplit_once(" (").map_or(found, |(path, _)| path);
        // The kernel's own (linux-vdso) has no path.
        if path.starts_with('/') {
            paths.push(path.into());
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::PlainSpawner;

    #[test]
    fn listings_of_glibc_and_musl() {
        let glibc = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                     \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f12)\n\
                     \t/lib64/ld-linux-x86-64.so.2 (0x00007f13)\n";
        let paths = [
            "/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(named_in(glibc), Ok(paths.map(PathBuf::from).to_vec()));
        let missing = "\tlibssl.so.3 => not found\n";
        assert_eq!(named_in(missing), Err("libssl.so.3".to_owned()));
    }

    #[test]
    fn this_program_has_what_it_needs() {
        let program = Executable::read(&std::env::current_exe().unwrap(), &PlainSpawner).unwrap();
        assert!(program.libraries.iter().all(|library| library.exists()));
        assert!(Layout::of(&program.bytes).is_ok());
        assert_eq!(program.architecture, Architecture::HOST);
    }

    #[test]
    fn a_text_file_is_rejected() {
        let error = Executable::read("/etc/passwd".as_ref(), &PlainSpawner).unwrap_err();
        assert_eq!(error.code(), "executable-unusable");
    }
}
