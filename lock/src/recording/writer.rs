//! Writing a recording so that at any moment what is on disk can be read.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Seek as _, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    output::temporary_beside,
    profile::snapshot::Snapshot,
    recording::{
        format::{self, End, Header, Line},
        reader::Recording,
        v1,
    },
};

/// Where a recording is going to be, checked before there is anything to lose.
#[derive(Debug)]
pub(crate) struct Destination {
    path: PathBuf,
    /// Whether it is something that is written through, not replaced: a device, a pipe.
    special: bool,
}

impl Destination {
    /// Checks a destination: a new file, one with a recording, or an empty one.
    ///
    /// # Errors
    ///
    /// `is-a-directory`, `would-overwrite` if a file is there that is not a recording, and
    /// those of [`Error::write`] if no file can be made there.
    pub(crate) fn prepare(path: &Path) -> Result<Self> {
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.display();
        let metadata = fs::metadata(&path).ok();
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(Error::new(
                "is-a-directory",
                format!("could not write {name}: it is a directory"),
            )
            .fix(format!(
                "pass the path of a file: --output {}",
                path.join("FILE").display()
            )));
        }
        let special = metadata.as_ref().is_some_and(|it| !it.is_file());
        let content = metadata.map_or(0, |metadata| metadata.len());
        if !special && content > 0 && !is_recording(&path)? {
            return Err(Error::new(
                "would-overwrite",
                format!("could not write {name}: it exists and is not a recording"),
            )
            .fix("choose another file with --output, or remove it"));
        }
        if !special {
            temporary_beside(&path).map_err(|cause| Error::write(&path, &cause))?;
        }
        Ok(Self { path, special })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins the recording. One that is there is kept as `FILE.old`, as `perf record` does.
    ///
    /// # Errors
    ///
    /// See [`Error::write`].
    pub(crate) fn create(&self) -> Result<Writer<File>> {
        let file = self
            .open()
            .map_err(|cause| Error::write(&self.path, &cause))?;
        Writer::begin(file, self.path.clone())
    }

    fn open(&self) -> io::Result<File> {
        if self.special {
            return OpenOptions::new().write(true).open(&self.path);
        }
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > 0) {
            let mut old = OsString::from(&self.path);
            old.push(".old");
            fs::rename(&self.path, old)?;
        }
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            // As perf.data: what other users' programs do is in it.
            .mode(0o600)
            .open(&self.path)
    }
}

/// Whether a file is a recording, of whatever version.
fn is_recording(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|cause| Error::write(path, &cause))?;
    match Recording::read(BufReader::new(file), path) {
        Ok(_) => Ok(true),
        Err(error) => Ok(error.is("recording-newer")),
    }
}

/// What a recording is written to.
pub(crate) trait Target: Write {
    /// Takes back everything beyond a length, in bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until everything is on disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Target for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length))?;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.sync_data() {
            // Pipes and devices have no disk.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// A recording that is being written.
///
/// Each line is written at once, so that no more than the last one is lost whatever happens.
#[derive(Debug)]
pub(crate) struct Writer<T> {
    file: T,
    path: PathBuf,
    /// How long the file is, in bytes, up to the last whole line.
    length: u64,
    intervals: u64,
    duration_ns: u64,
}

impl<T: Target> Writer<T> {
    /// Writes the header; `path` is for errors.
    pub(crate) fn begin(file: T, path: PathBuf) -> Result<Self> {
        let mut writer = Self {
            file,
            path,
            length: 0,
            intervals: 0,
            duration_ns: 0,
        };
        writer.write(&Header::default())?;
        Ok(writer)
    }

    /// Writes the next interval.
    ///
    /// # Errors
    ///
    /// `disk-full` and others of [`Error::write`]. Then what was written before is still
    /// whole, and the writer is to be dropped: what goes on is only in memory.
    pub(crate) fn interval(&mut self, interval: &Snapshot) -> Result<()> {
        self.write(&Line::Interval(&v1::Interval::from(interval)))?;
        self.intervals = self.intervals.saturating_add(1);
        self.duration_ns = self.duration_ns.saturating_add(interval.duration_ns);
        Ok(())
    }

    /// Writes the end, and makes sure that everything is on disk.
    ///
    /// # Errors
    ///
    /// As of [`Writer::interval`].
    pub(crate) fn end(mut self, reason: &str) -> Result<()> {
        self.write(&Line::End(&End {
            reason: reason.to_owned(),
            intervals: self.intervals,
            duration_ns: self.duration_ns,
        }))?;
        // A disk can be found full as late as here.
        self.file
            .sync()
            .map_err(|cause| Error::write(&self.path, &cause))
    }

    /// How large the recording is so far, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    fn write(&mut self, line: &impl serde::Serialize) -> Result<()> {
        let written = format::member(line).and_then(|member| {
            self.file.write_all(&member)?;
            Ok(member.len() as u64)
        });
        match written {
            Ok(length) => {
                self.length = self.length.saturating_add(length);
                Ok(())
            }
            Err(cause) => {
                // If that fails too, readers still find where it is cut off.
                let _ = self.file.cut(self.length);
                Err(Error::write(&self.path, &cause))
            }
        }
    }
}
