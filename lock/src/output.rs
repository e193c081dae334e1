//! Where a report goes: to stdout, or whole to a file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use ebpf_base::temporary::TemporaryFile;
use terminal_size::{Width, terminal_size_of};

use crate::error::{Error, Result};

/// The place that a report is written to.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// A regular file, which is replaced when the report is complete.
    File(PathBuf),
    /// Something that must not be replaced, open: a device, a pipe.
    Special(PathBuf, File),
}

impl Output {
    /// Takes a place and makes sure that it can be written to, before there is anything
    /// to lose. A FIFO waits here for its reader, where Ctrl-C still ends `lock`.
    pub(crate) fn prepare(path: Option<PathBuf>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout);
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::new(
                    "is-a-directory",
                    format!("could not write {}: it is a directory", path.display()),
                )
                .fix(format!(
                    "pass the path of a file: --output {}",
                    path.join("FILE").display()
                )));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .map_err(|cause| Error::write(&path, &cause))?;
                return Ok(Self::Special(path, file));
            }
            Ok(_) | Err(_) => {}
        }
        // What a link leads to is replaced, not the link. A file that is yet to be made
        // has no other name.
        let path = fs::canonicalize(&path).unwrap_or(path);
        temporary_beside(&path).map_err(|cause| Error::write(&path, &cause))?;
        Ok(Self::File(path))
    }

    /// The width of the terminal that the report is shown on, in columns, if there is
    /// one.
    pub(crate) fn columns(&self) -> Option<u16> {
        match self {
            Self::Stdout => terminal_columns(),
            Self::File(_) | Self::Special(..) => None,
        }
    }

    /// Whether the report is shown on a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout) && io::stdout().is_terminal()
    }

    /// Writes the report, a text, with colours where they fit.
    pub(crate) fn write(&self, report: impl AsRef<[u8]>) -> Result<()> {
        self.write_through(anstream::stdout().lock(), report.as_ref())
    }

    /// Writes a report that is no text, which no terminal can show.
    pub(crate) fn write_binary(&self, report: &[u8]) -> Result<()> {
        if self.is_terminal() {
            return Err(Error::new(
                "binary-to-terminal",
                "this format is binary, and standard output is a terminal",
            )
            .fix("name a file with --output"));
        }
        self.write_through(io::stdout().lock(), report)
    }

    fn write_through(&self, stdout: impl io::Write, report: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => to_stdout(stdout, report),
            Self::File(path) => replace(path, report).map_err(|cause| Error::write(path, &cause)),
            Self::Special(path, file) => {
                let mut file = file;
                file.write_all(report)
                    .map_err(|cause| Error::write(path, &cause))
            }
        }
    }
}

/// The result of printing to stdout what is not a report: help, or the version.
pub(crate) fn printed(outcome: io::Result<()>) -> Result<()> {
    match ebpf_base::stdout::check().and(outcome) {
        // The reader has what it wanted: `lock record | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::write(Path::new("standard output"), &error)),
        Ok(()) => Ok(()),
    }
}

fn to_stdout(mut stdout: impl io::Write, report: &[u8]) -> Result<()> {
    printed(stdout.write_all(report).and_then(|()| stdout.flush()))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = temporary_beside(path)?;
    file.write_all(content)?;
    // A disk can be found full as late as here.
    file.file().sync_all()?;
    file.replace(path)
}

/// A temporary file in the same directory, so that renaming it is atomic. It is removed when
/// dropped.
pub(crate) fn temporary_beside(path: &Path) -> io::Result<TemporaryFile> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    // As perf.data: what other users' programs do is in it.
    TemporaryFile::new_in(directory, 0o600)
}

fn terminal_columns() -> Option<u16> {
    let (Width(columns), _) = terminal_size_of(io::stdout())?;
    Some(columns)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::{self, Read as _},
        os::{
            fd::AsRawFd as _,
            unix::fs::{PermissionsExt as _, symlink},
        },
    };

    use super::Output;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report");
        fs::write(&path, "old").unwrap();
        Output::prepare(Some(path.clone()))
            .unwrap()
            .write("new")
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_text_is_written_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profile");
        // What a text would lose on its way to no terminal.
        let bytes = b"\x1b[1m\x1f\x8b\xff";
        let output = Output::prepare(Some(path.clone())).unwrap();
        output.write_binary(bytes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_link_stays_and_its_target_gets_the_report() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (
            directory.path().join("target"),
            directory.path().join("link"),
        );
        fs::write(&target, "old").unwrap();
        symlink("target", &link).unwrap();
        Output::prepare(Some(link.clone()))
            .unwrap()
            .write("new")
            .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
    }

    #[test]
    fn a_link_to_a_descriptor_is_written_through() {
        // As /dev/stdout leads to /proc/self/fd/1, and that to a pipe.
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("stdout");
        let (mut reader, writer) = io::pipe().unwrap();
        symlink(format!("/proc/self/fd/{}", writer.as_raw_fd()), &link).unwrap();
        let output = Output::prepare(Some(link.clone())).unwrap();
        drop(writer);
        output.write("report").unwrap();
        drop(output);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "report");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_link_to_a_descriptor_of_a_file_leads_to_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (
            directory.path().join("target"),
            directory.path().join("link"),
        );
        let file = File::create(&target).unwrap();
        symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), &link).unwrap();
        Output::prepare(Some(link.clone()))
            .unwrap()
            .write("report")
            .unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "report");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_device_stays_a_device_and_a_full_disk_is_named() {
        let output = Output::prepare(Some("/dev/full".into())).unwrap();
        assert!(matches!(output, Output::Special(..)));
        assert_eq!(output.write("x").unwrap_err().code(), "disk-full");
    }

    #[test]
    fn a_missing_directory_and_a_directory_are_rejected_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("no").join("report");
        assert_eq!(
            Output::prepare(Some(missing)).unwrap_err().code(),
            "not-found"
        );
        let error = Output::prepare(Some(directory.path().to_owned())).unwrap_err();
        assert_eq!(error.code(), "is-a-directory");
    }
}
