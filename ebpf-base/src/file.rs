//! Files that are written atomically, and read within bounds.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::{Error, Result, temporary::TemporaryFile};

/// The most that a text of a project or of this program has: manifests, settings, `ebpf.lock`;
/// in bytes.
pub const MAX_TEXT: u64 = 16 << 20;

/// Reads a text of at most [`MAX_TEXT`] bytes. What stands in its place must not make the reader
/// wait or fill memory: a FIFO, a device.
///
/// # Errors
/// When it cannot be read, is not a regular file, is larger, or is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read_file(path, MAX_TEXT)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// When it cannot be read, is not a regular file, or is larger.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Some devices act when they are opened. So look first, and again at what was opened.
    check_regular(&fs::metadata(path)?)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    check_regular(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(unfit(format!("larger than {most} bytes")));
    }
    Ok(bytes)
}

fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(unfit("not a regular file".to_owned()));
    }
    Ok(())
}

fn unfit(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Writes `content` to `path` so that no reader sees a part of it: to a temporary file in the
/// same directory, which then replaces it. Creates the directory.
///
/// # Errors
/// When the directory or the file cannot be written; the old content is then unchanged.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    write(path, content).map_err(|cause| Error::io("write", path, &cause))
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = directory_of(path);
    fs::create_dir_all(directory)?;
    let mut file = TemporaryFile::new_in(directory, 0o644)?;
    file.write_all(content)?;
    file.replace(path)
}

/// The directory that the file at `path` is in.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, process};

    use super::*;

    /// An empty directory, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ebpf-base-{name}-{}", process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_behind() {
        let directory = Directory::new("replaced");
        let path = directory.0.join("made/here/file");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_in_the_way_is_an_error() {
        let directory = Directory::new("in-the-way");
        let path = directory.0.join("directory");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        let error = write_atomically(&path, b"x").unwrap_err();
        assert!(error.finding().message.contains("could not write"));
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
    }

    #[test]
    fn only_regular_files_of_a_sane_size_are_read() {
        let directory = Directory::new("read");
        let path = directory.0.join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!(read_text(&path).unwrap(), "text");
        assert_eq!(read_file(&path, 4).unwrap(), b"text");
        assert!(read_file(&path, 3).is_err());
        assert!(read_text(Path::new("/dev/zero")).is_err());
        let error = read_text(&directory.0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        // Nobody writes to it.
        let fifo = directory.0.join("fifo");
        let name = std::ffi::CString::new(fifo.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the path is a string that ends in zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert!(read_text(&fifo).is_err());
    }
}
