//! The format of a recording: gzip members, each with one line of JSON. The first is the
//! header, then comes one for each interval, and at last the end.

use std::io::{self, BufRead, Read as _, Write as _};

use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};

use crate::recording::v1::Interval;

/// The version that is written, and the newest that can be read. It grows when a reader of
/// the one before would misunderstand a recording, not when fields or lines are added.
pub(super) const VERSION: u64 = 1;

/// How many bytes a line may have. An interval has some hundred KiB, but a gzip member of a
/// MiB can hold a GiB.
pub(super) const MAX_LINE: u64 = 32 << 20;

/// How many objects a line may have. Each takes up to 250 bytes in memory, also an empty one.
const MAX_OBJECTS: usize = 512 << 10;

/// How many commas a line may have: values in all, of which each takes up to 24 bytes.
const MAX_VALUES: usize = 4 << 20;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`VERSION`] of the writer.
    #[serde(rename = "lock-recording")]
    pub(crate) version: u64,
    /// Version of the `lock` that wrote it.
    #[serde(default)]
    pub(crate) lock: String,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            version: VERSION,
            lock: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The last line. Without it, the recorder was killed or had no room left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct End {
    /// Why it ended, in words: `the command ended`.
    pub(crate) reason: String,
    /// How many intervals there are.
    pub(crate) intervals: u64,
    /// How long they lasted together, in nanoseconds.
    pub(crate) duration_ns: u64,
}

/// A line after the first, to be written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line<'a> {
    Interval(&'a Interval),
    End(&'a End),
}

/// A line after the first, as it is read: one of these, or what a newer `lock` added.
#[derive(Debug, Deserialize)]
pub(super) struct AnyLine {
    pub(super) interval: Option<Box<Interval>>,
    pub(super) end: Option<End>,
}

/// The member for a line.
///
/// # Errors
///
/// `InvalidInput` if the line is larger than readers accept.
pub(super) fn member(line: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    if line.len() as u64 > MAX_LINE || is_too_dense(&line) {
        return Err(too_large(io::ErrorKind::InvalidInput));
    }
    compressed(&line)
}

/// Whether a line would take many times its length in memory.
fn is_too_dense(line: &[u8]) -> bool {
    let (mut objects, mut values) = (0, 0);
    for byte in line {
        objects += usize::from(*byte == b'{');
        values += usize::from(*byte == b',');
    }
    objects > MAX_OBJECTS || values > MAX_VALUES
}

/// Bytes as a gzip member.
pub(super) fn compressed(content: &[u8]) -> io::Result<Vec<u8>> {
    // Fast: what it costs is taken from what is recorded.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    encoder.finish()
}

fn too_large(kind: io::ErrorKind) -> io::Error {
    io::Error::new(
        kind,
        format!(
            "a line has more than {} MiB, {MAX_OBJECTS} objects or {MAX_VALUES} values",
            MAX_LINE >> 20
        ),
    )
}

/// The next member's content; none at the end of the file.
///
/// # Errors
///
/// `InvalidData` or `UnexpectedEof` if the next member is damaged or larger than the limits
/// above; others if reading fails.
pub(super) fn next(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    if file.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut content = Vec::new();
    let mut decoder = GzDecoder::new(file);
    (&mut decoder).take(MAX_LINE).read_to_end(&mut content)?;
    // Only at its end is the member's checksum compared.
    match decoder.read(&mut [0])? {
        0 if !is_too_dense(&content) => Ok(Some(content)),
        _ => Err(too_large(io::ErrorKind::InvalidData)),
    }
}
