//! The archive that a guest's kernel unpacks into its memory and starts from: a program as
//! `/init`, the libraries that it loads, and the request.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use cpio::newc;
use ebpf_base::{Error, Result};

use super::{executable::Executable, platform::Platform};
use crate::code::Code;

/// Where the request is in a guest.
pub(super) const REQUEST: &str = "/request";

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// What a guest boots: an archive in the format that kernels know as `newc`.
#[derive(Debug, Clone, Default)]
pub struct Initramfs {
    archive: Vec<u8>,
    /// What the archive contains.
    paths: BTreeSet<PathBuf>,
    library_directories: BTreeSet<PathBuf>,
    entries: u32,
    arguments: Vec<String>,
}

impl Initramfs {
    /// One whose first process is `program` with `arguments`, which may not contain blanks.
    ///
    /// # Errors
    /// When a library cannot be read.
    pub fn new(program: &Executable, arguments: &[&str]) -> Result<Self> {
        let mut initramfs = Self {
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            ..Self::default()
        };
        // The root of a tmpfs is everybody's to write to, unless the archive has it.
        initramfs.append(newc::Builder::new(".").mode(DIRECTORY), &[])?;
        // Without it, the first process starts with no stdin, stdout and stderr.
        initramfs.directories_of("/dev/console".as_ref())?;
        initramfs.append(
            newc::Builder::new("dev/console")
                .mode(CHARACTER_DEVICE)
                .rdev_major(5)
                .rdev_minor(1),
            &[],
        )?;
        initramfs.add_executable("/init".as_ref(), program)?;
        Ok(initramfs)
    }

    /// Adds an executable and the libraries that it loads.
    ///
    /// # Errors
    /// When a library cannot be read.
    pub fn add_executable(&mut self, path: &Path, program: &Executable) -> Result<()> {
        for library in &program.libraries {
            let bytes = fs::read(library).map_err(|cause| Error::io("read", library, &cause))?;
            self.library_directories
                .extend(library.parent().map(Path::to_owned));
            self.file(library, &bytes, PROGRAM)?;
        }
        self.file(path, &program.bytes, PROGRAM)
    }

    /// Adds the request, which [`init`](super::init) passes on. A second one is ignored.
    ///
    /// # Errors
    /// When it is too large for the format.
    pub fn add_request(&mut self, request: &[u8]) -> Result<()> {
        self.file(REQUEST.as_ref(), request, FILE)
    }

    /// Adds the configuration of the kernel with this `uname -r`, where distributions have it.
    ///
    /// # Errors
    /// When it is too large for the format.
    pub fn add_configuration(&mut self, release: &str, configuration: &[u8]) -> Result<()> {
        let path = format!("/boot/config-{}", release.replace('/', "_"));
        self.file(path.as_ref(), configuration, FILE)
    }

    /// The kernel's command line. It passes words that it does not know on to the first
    /// process: assignments as its environment, what follows `--` as its arguments.
    pub(super) fn kernel_command_line(&self, platform: &Platform) -> String {
        // The library directories are neither in a cache of the distribution there, nor all
        // among those that the dynamic loader knows.
        let directories: Vec<_> = self
            .library_directories
            .iter()
            .map(|directory| directory.to_string_lossy())
            .collect();
        // A guest that panics ends at once, and qemu with it.
        let mut line = format!("console={} panic=-1 oops=panic", platform.console);
        for parameter in platform.parameters {
            line.extend([" ", parameter]);
        }
        line += &format!(
            " LD_LIBRARY_PATH={} -- {}",
            directories.join(":"),
            self.arguments.join(" ")
        );
        line
    }

    /// The bytes of the archive.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn archive(self) -> Result<Vec<u8>> {
        newc::trailer(self.archive).map_err(|cause| unwritable(&cause))
    }

    fn file(&mut self, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        self.directories_of(path)?;
        // A path is added once: the second would take the first one's place.
        if self.paths.insert(path.to_owned()) {
            self.append(newc::Builder::new(&name(path)).mode(mode), bytes)?;
        }
        Ok(())
    }

    /// Kernels do not create directories by themselves.
    fn directories_of(&mut self, path: &Path) -> Result<()> {
        let mut directories: Vec<_> = path
            .ancestors()
            .skip(1)
            .filter(|directory| directory.parent().is_some())
            .map(Path::to_owned)
            .collect();
        directories.reverse();
        for directory in directories {
            if self.paths.insert(directory.clone()) {
                self.append(newc::Builder::new(&name(&directory)).mode(DIRECTORY), &[])?;
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
        "the guest's initramfs could not be created",
    )
    .because(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;

    #[test]
    fn the_kernels_parameters_come_before_those_of_the_first_process() {
        let initramfs = Initramfs {
            arguments: vec!["agent".to_owned(), "--guest".to_owned()],
            library_directories: BTreeSet::from(["/lib64".into(), "/lib".into()]),
            ..Initramfs::default()
        };
        assert_eq!(
            initramfs.kernel_command_line(Platform::of(Architecture::X86_64)),
            "console=ttyS1 panic=-1 oops=panic no_timer_check LD_LIBRARY_PATH=/lib:/lib64 \
             -- agent --guest"
        );
        assert_eq!(
            initramfs.kernel_command_line(Platform::of(Architecture::Arm64)),
            "console=ttyAMA0 panic=-1 oops=panic LD_LIBRARY_PATH=/lib:/lib64 -- agent --guest"
        );
    }

    #[test]
    fn directories_come_before_their_content_and_all_once() {
        let mut initramfs = Initramfs::default();
        for path in ["/usr/lib/a", "/usr/lib/b", "/usr/lib/a"] {
            initramfs
                .file(path.as_ref(), path.as_bytes(), FILE)
                .unwrap();
        }
        initramfs.add_request(b"?").unwrap();
        let archive = initramfs.archive().unwrap();
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
