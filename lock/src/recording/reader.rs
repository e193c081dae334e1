//! Reading a recording interval by interval, so that a long one needs no more memory than
//! what it comes to.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use crate::{
    error::{Error, Result},
    profile::{merge::Merger, snapshot::Snapshot},
    recording::format::{self, AnyLine, End, Header, VERSION},
};

/// How large a file may be: a year of an idle machine, or a day of a very busy one.
const MAX_FILE: u64 = 16 << 30;

/// How many rows the tables of all intervals together may have. A row takes some hundred bytes
/// in memory, and a forged file of some hundred KiB has millions.
const MAX_ROWS: usize = 1 << 20;

/// A recording that is being read: the iterator gives its intervals.
///
/// What is damaged or cut off ends it like the end of the file; [`Recording::notes`] says
/// so afterwards.
#[derive(Debug)]
pub(crate) struct Recording<R> {
    file: R,
    duration_ns: u64,
    end: Option<End>,
    /// Where it is cut off, and why.
    break_off: Option<String>,
    /// Whether the end was reached, whole or not.
    over: bool,
}

impl Recording<BufReader<File>> {
    /// Opens a recording.
    ///
    /// # Errors
    ///
    /// `not-a-recording`, `recording-newer`, `recording-too-large`, `is-a-directory`,
    /// `not-found`, `access-denied`, or `io` if the file cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.display();
        let failed = |cause: io::Error| read_error(path, &cause);
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::new(
                "is-a-directory",
                format!("could not read {name}: it is a directory"),
            )
            .fix("pass the path of a recording, which is a file"));
        }
        // Opening a FIFO would wait for its writer, and a device has no end.
        if !metadata.is_file() {
            return Err(not_a_recording(path, "it is not a regular file"));
        }
        if metadata.len() > MAX_FILE {
            return Err(Error::new(
                "recording-too-large",
                format!("{name} is larger than {} GiB", MAX_FILE >> 30),
            )
            .fix("record for a shorter time with lock record --duration"));
        }
        let file = File::open(path).map_err(failed)?;
        // Intervals are some ten KiB.
        Self::read(BufReader::with_capacity(64 << 10, file), path)
    }
}

impl<R: BufRead> Recording<R> {
    /// Reads a recording from anywhere; `path` is for errors.
    pub(crate) fn read(mut file: R, path: &Path) -> Result<Self> {
        let content = match format::next(&mut file) {
            Ok(Some(content)) => content,
            Ok(None) => return Err(not_a_recording(path, "it is empty")),
            Err(cause) if is_damage(&cause) => {
                return Err(not_a_recording(path, &format!("it is not gzip: {cause}")));
            }
            Err(cause) => return Err(read_error(path, &cause)),
        };
        let header: Header = serde_json::from_slice(&content).map_err(|_| {
            not_a_recording(
                path,
                "its first line is not {\"lock-recording\": VERSION, ...}",
            )
        })?;
        if header.version > VERSION {
            return Err(newer(path, &header));
        }
        Ok(Self {
            file,
            duration_ns: 0,
            end: None,
            break_off: None,
            over: false,
        })
    }

    /// The last line, when it was reached.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// What is to be said of what was read: nothing if the recording is whole.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.break_off.iter().cloned()
    }

    /// Ends it here.
    fn break_off(&mut self, why: &str) {
        let seconds = self.duration_ns as f64 / 1e9;
        self.break_off = Some(format!(
            "the recording is cut off after {seconds:.1} s: {why}"
        ));
        self.over = true;
    }

    /// All intervals that can be read, put together, with the notes.
    pub(crate) fn merge(self) -> Snapshot {
        self.merge_rows(MAX_ROWS)
    }

    /// As [`Self::merge`], until there are more than so many rows.
    pub(super) fn merge_rows(mut self, most: usize) -> Snapshot {
        let mut merger = Merger::default();
        while let Some(interval) = self.next() {
            merger.add(&interval);
            if merger.rows() > most {
                self.break_off(&format!("it has more than {most} rows"));
            }
        }
        let mut whole = merger.finish();
        whole.notes.extend(self.notes());
        whole
    }

    /// The next interval; none when the recording is over, for whatever reason.
    fn next_interval(&mut self) -> Result<Option<Snapshot>, String> {
        loop {
            let Some(content) =
                format::next(&mut self.file).map_err(|cause| match cause.kind() {
                    io::ErrorKind::UnexpectedEof => "its last part is truncated".to_owned(),
                    _ => format!("the rest is damaged: {cause}"),
                })?
            else {
                return Err("it has no end record (`lock record` was probably killed)".to_owned());
            };
            let line: AnyLine = serde_json::from_slice(&content)
                .map_err(|cause| format!("the rest is damaged: {cause}"))?;
            self.end = line.end;
            match line.interval {
                Some(interval) => return Ok(Some((*interval).into())),
                None if self.end.is_some() => return Ok(None),
                // What a newer version added.
                None => {}
            }
        }
    }
}

impl<R: BufRead> Iterator for Recording<R> {
    type Item = Snapshot;

    fn next(&mut self) -> Option<Snapshot> {
        if self.over {
            return None;
        }
        match self.next_interval() {
            Ok(Some(interval)) => {
                self.duration_ns = self.duration_ns.saturating_add(interval.duration_ns);
                return Some(interval);
            }
            Ok(None) => {}
            Err(why) => self.break_off(&why),
        }
        self.over = true;
        None
    }
}

/// Whether the bytes are at fault, not the way to them.
fn is_damage(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    )
}

fn read_error(path: &Path, cause: &io::Error) -> Error {
    let mut text = cause.to_string();
    if cause.kind() == io::ErrorKind::PermissionDenied
        && let Ok(metadata) = fs::metadata(path)
    {
        let owner = match metadata.uid() {
            0 => "root".to_owned(),
            uid => format!("the user with the id {uid}"),
        };
        text.push_str(&format!("; the file belongs to {owner}"));
    }
    let (code, fix) = match cause.kind() {
        io::ErrorKind::NotFound => (
            "not-found",
            "check the path; lock record -o FILE writes a recording",
        ),
        io::ErrorKind::PermissionDenied => (
            "access-denied",
            "read it as the user who recorded it, or change its mode with chmod",
        ),
        _ => ("io", "check the disk or file system, then retry"),
    };
    Error::new(code, format!("could not read {}", path.display()))
        .because(text)
        .fix(fix)
}

fn not_a_recording(path: &Path, cause: &str) -> Error {
    Error::new(
        "not-a-recording",
        format!("{} is not a lock recording", path.display()),
    )
    .because(cause)
    .fix("write one with lock record -o FILE")
}

fn newer(path: &Path, header: &Header) -> Error {
    // A forged one could steer the terminal.
    let writer: String = header.lock.chars().filter(|c| !c.is_control()).collect();
    Error::new(
        "recording-newer",
        format!(
            "{} has format version {}; lock {} reads versions up to {VERSION}",
            path.display(),
            header.version,
            env!("CARGO_PKG_VERSION"),
        ),
    )
    .fix(format!("read it with lock {writer} or newer"))
}
