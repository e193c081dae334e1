//! The archive that a guest's kernel unpacks into its memory and starts from: this
//! program as `/init`, the libraries that it loads, and the request.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use cpio::newc;
use ebpf_build::{Error, Result};

use super::libraries::Executable;
use crate::{agent::Request, code::Code};

/// Where the request is in a guest.
pub(super) const REQUEST: &str = "/request";

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An archive of the format that kernels know as `newc`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Initramfs {
    archive: Vec<u8>,
    folders: BTreeSet<PathBuf>,
    library_folders: BTreeSet<PathBuf>,
    entries: u32,
}

impl Initramfs {
    /// One whose first process is `program`.
    ///
    /// # Errors
    /// When a library cannot be read.
    pub(crate) fn of(program: &Executable) -> Result<Self> {
        let mut initramfs = Self::default();
        // Without it, the first process starts with no stdin, stdout and stderr.
        initramfs.folders_of("/dev/console".as_ref())?;
        initramfs.append(
            newc::Builder::new("dev/console")
                .mode(CHARACTER_DEVICE)
                .rdev_major(5)
                .rdev_minor(1),
            &[],
        )?;
        initramfs.executable("/init".as_ref(), program)?;
        Ok(initramfs)
    }

    /// Adds an executable and what it loads.
    ///
    /// # Errors
    /// When a library cannot be read.
    pub(crate) fn executable(&mut self, path: &Path, program: &Executable) -> Result<()> {
        for library in &program.libraries {
            let bytes = fs::read(library).map_err(|cause| Error::io("read", library, &cause))?;
            self.library_folders
                .extend(library.parent().map(Path::to_owned));
            self.file(library, &bytes, PROGRAM)?;
        }
        self.file(path, &program.bytes, PROGRAM)
    }

    /// The folders of all libraries, for `LD_LIBRARY_PATH`: they are not in the cache of
    /// a distribution there, nor all in the folders that the loader knows.
    pub(super) fn library_path(&self) -> String {
        let folders: Vec<_> = self
            .library_folders
            .iter()
            .map(|folder| folder.to_string_lossy())
            .collect();
        folders.join(":")
    }

    /// The archive with `request` in it.
    ///
    /// # Errors
    /// When the request is too large for one.
    pub(super) fn with(mut self, request: &Request) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        request
            .write(&mut bytes)
            .map_err(|cause| unwritable(&cause))?;
        self.file(REQUEST.as_ref(), &bytes, FILE)?;
        newc::trailer(self.archive).map_err(|cause| unwritable(&cause))
    }

    fn file(&mut self, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        self.folders_of(path)?;
        // A path is added once: the second would take the first one's place.
        if self.folders.insert(path.to_owned()) {
            self.append(newc::Builder::new(&name(path)).mode(mode), bytes)?;
        }
        Ok(())
    }

    /// Kernels make no folders by themselves.
    fn folders_of(&mut self, path: &Path) -> Result<()> {
        let mut folders: Vec<_> = path
            .ancestors()
            .skip(1)
            .filter(|folder| folder.parent().is_some())
            .map(Path::to_owned)
            .collect();
        folders.reverse();
        for folder in folders {
            if self.folders.insert(folder.clone()) {
                self.append(newc::Builder::new(&name(&folder)).mode(FOLDER), &[])?;
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: newc::Builder, bytes: &[u8]) -> Result<()> {
        self.entries += 1;
        let length = u32::try_from(bytes.len()).map_err(|cause| unwritable(&cause))?;
        let mut writer = entry
            .ino(self.entries)
            .nlink(1)
            .write(std::mem::take(&mut self.archive), length);
        writer
            .write_all(bytes)
            .map_err(|cause| unwritable(&cause))?;
        self.archive = writer.finish().map_err(|cause| unwritable(&cause))?;
        Ok(())
    }
}

/// Names in an archive are relative to its root.
fn name(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    String::from_utf8_lossy(bytes.strip_prefix(b"/").unwrap_or(bytes)).into_owned()
}

fn unwritable(cause: &dyn std::fmt::Display) -> Error {
    Error::new(
        Code::Initramfs,
        "could not put together what the guest boots",
    )
    .because(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them_and_all_once() {
        let mut initramfs = Initramfs::default();
        for path in ["/usr/lib/a", "/usr/lib/b", "/usr/lib/a"] {
            initramfs
                .file(path.as_ref(), path.as_bytes(), FILE)
                .unwrap();
        }
        let archive = initramfs.with(&Request::default()).unwrap();
        let mut rest = archive.as_slice();
        let mut names = Vec::new();
        loop {
            let entry = newc::Reader::new(rest).unwrap();
            if entry.entry().is_trailer() {
                break;
            }
            names.push(entry.entry().name().to_owned());
            rest = entry.finish().unwrap();
        }
        assert_eq!(
            names,
            ["usr", "usr/lib", "usr/lib/a", "usr/lib/b", "request"]
        );
    }
}
