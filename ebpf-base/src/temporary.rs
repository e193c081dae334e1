//! Temporary files and directories. Those of a process that was killed are removed by the next
//! one that makes another in the same directory.
//!
//! Whether the owner of one is alive is known by a lock, flock(2), that it holds on it and that
//! the kernel releases with it. A file system without such locks keeps what is left. systemd's
//! removal of old files respects the lock as well.

use std::{
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Begins every name.
const PREFIX: &str = ".ebpf-tmp-";
/// The length of the random part of a name, in hexadecimal digits.
const DIGITS: usize = 16;

/// A directory that only this user can read. It is removed when this is dropped.
#[derive(Debug)]
pub struct TemporaryDirectory {
    path: PathBuf,
    _lock: File,
}

/// A file that takes another one's place, or is removed when this is dropped.
#[derive(Debug)]
pub struct TemporaryFile {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl TemporaryDirectory {
    /// One in the directory for temporary files, TMPDIR or `/tmp`.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub fn new() -> Result<Self> {
        let parent = env::temp_dir();
        Self::make(&parent).map_err(|cause| unwritable(&parent, &cause))
    }

    /// One in `parent`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_in(parent: &Path) -> Result<Self> {
        Self::make(parent).map_err(|cause| Error::io("make a directory in", parent, &cause))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn make(parent: &Path) -> io::Result<Self> {
        let (path, lock) = create(parent, |path| {
            DirBuilder::new().mode(0o700).create(path)?;
            File::open(path)
        })?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl TemporaryFile {
    /// An empty one in `directory`, with the permissions `mode` as far as the user's mask allows.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_in(directory: &Path, mode: u32) -> io::Result<Self> {
        let (path, file) = create(directory, |path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(path)
        })?;
        Ok(Self {
            path,
            file,
            renamed: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, open for reading and writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts it in the place of `path`, in the same directory.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn replace(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }
}

impl io::Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file without a name in the directory for temporary files: nothing of it can stay.
///
/// # Errors
/// When it cannot be made there.
pub fn unnamed_file() -> Result<File> {
    let directory = env::temp_dir();
    let open = || {
        let unnamed = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .mode(0o600)
            .open(&directory);
        // Not every file system supports it.
        unnamed.or_else(|_| {
            let named = TemporaryFile::new_in(&directory, 0o600)?;
            named.file.try_clone()
        })
    };
    open().map_err(|cause| unwritable(&directory, &cause))
}

/// The error that the directory for temporary files cannot be used.
fn unwritable(directory: &Path, cause: &io::Error) -> Error {
    let error = Error::io("make a temporary file in", directory, cause);
    if matches!(
        cause.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return error;
    }
    error.fix(match env::var_os("TMPDIR") {
        Some(_) => "set TMPDIR to a directory that this user can write to, or unset it",
        None => "set TMPDIR to a directory that this user can write to",
    })
}

/// Makes what `make` makes, with a new name and this process's lock.
fn create(
    directory: &Path,
    make: impl Fn(&Path) -> io::Result<File>,
) -> io::Result<(PathBuf, File)> {
    remove_abandoned(directory);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let path = directory.join(name()?);
        match make(&path) {
            // Before it was locked, another process may have taken it for abandoned.
            Ok(file) if lock(&file) && is_at(&file, &path) => return Ok((path, file)),
            Err(cause) if attempts == ATTEMPTS => return Err(cause),
            Err(cause) if !is_taken(&cause) => return Err(cause),
            _ => {}
        }
    }
}

/// How often another name is tried.
const ATTEMPTS: u32 = 100;

/// Whether another process made or removed the same.
fn is_taken(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
    )
}

fn name() -> io::Result<String> {
    let mut random = [0_u8; DIGITS / 2];
    // SAFETY: it is as long as stated.
    let read = unsafe { libc::getrandom(random.as_mut_ptr().cast(), random.len(), 0) };
    if usize::try_from(read).ok() != Some(random.len()) {
        return Err(io::Error::last_os_error());
    }
    Ok(format!("{PREFIX}{:016x}", u64::from_ne_bytes(random)))
}

fn is_name(name: &OsStr) -> bool {
    let Some(random) = name.as_bytes().strip_prefix(PREFIX.as_bytes()) else {
        return false;
    };
    random.len() == DIGITS && random.iter().all(u8::is_ascii_hexdigit)
}

/// Locks a file; whether it is not another process's. Where there are no locks, it is.
fn lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

/// Whether the path still leads to the file.
fn is_at(file: &File, path: &Path) -> bool {
    let here = fs::symlink_metadata(path);
    matches!((file.metadata(), here), (Ok(file), Ok(here))
        if (file.dev(), file.ino()) == (here.dev(), here.ino()))
}

/// Removes what dead processes of this user have left in `directory`. What cannot be removed
/// stays: only space is lost.
fn remove_abandoned(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if !is_name(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        // The lock is held until it is gone, so that nobody else removes its successor.
        let Some(owned) = open_own(&path) else {
            continue;
        };
        if owned.try_lock().is_err() || !is_at(&owned, &path) {
            continue;
        }
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
    }
}

/// Opens a directory or a regular file of this user, not what a link leads to.
fn open_own(path: &Path) -> Option<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .ok()?;
    let metadata = file.metadata().ok()?;
    // SAFETY: geteuid takes nothing, touches no memory, and cannot fail.
    let own = metadata.uid() == unsafe { libc::geteuid() };
    (own && (metadata.is_dir() || metadata.is_file())).then_some(file)
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::fs::symlink};

    use super::*;

    /// An empty directory, removed when dropped: none of those under test.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("ebpf-base-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn entries(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// What a process leaves that is killed: as it was, without the lock.
    fn abandoned(place: &Place) -> PathBuf {
        let directory = place.0.join(name().unwrap());
        fs::create_dir_all(directory.join("in")).unwrap();
        fs::write(directory.join("in/file"), "x").unwrap();
        directory
    }

    #[test]
    fn nothing_is_left_by_those_that_end() {
        let place = Place::new("ended");
        let directory = TemporaryDirectory::new_in(&place.0).unwrap();
        assert_eq!(
            fs::metadata(directory.path()).unwrap().mode() & 0o777,
            0o700
        );
        fs::write(directory.path().join("file"), "x").unwrap();
        let mut file = TemporaryFile::new_in(&place.0, 0o600).unwrap();
        file.write_all(b"content").unwrap();
        assert_eq!(place.entries(), 2);
        let kept = place.0.join("kept");
        file.replace(&kept).unwrap();
        drop(TemporaryFile::new_in(&place.0, 0o600).unwrap());
        drop(directory);
        assert_eq!(fs::read_to_string(&kept).unwrap(), "content");
        assert_eq!(place.entries(), 1);
    }

    #[test]
    fn what_the_dead_have_left_is_removed_and_nothing_else() {
        let place = Place::new("dead");
        let (directory, file) = (abandoned(&place), place.0.join(name().unwrap()));
        fs::write(&file, "half").unwrap();
        let living = TemporaryDirectory::new_in(&place.0).unwrap();
        assert!(!directory.exists() && !file.exists());

        let others = [".ebpf-tmp-notes", ".ebpf-tmp-0123456789abcdeg", "ebpf-tmp"];
        for other in others {
            fs::create_dir(place.0.join(other)).unwrap();
        }
        let target = place.0.join("target");
        fs::create_dir(&target).unwrap();
        symlink(&target, place.0.join(name().unwrap())).unwrap();
        let before = place.entries();
        drop(TemporaryFile::new_in(&place.0, 0o600).unwrap());
        assert_eq!(place.entries(), before);
        assert!(living.path().exists());
    }

    #[test]
    fn of_many_at_once_none_takes_another_ones() {
        let place = Place::new("many");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        fs::create_dir(place.0.join(name().unwrap())).unwrap();
                        let directory = TemporaryDirectory::new_in(&place.0).unwrap();
                        let file = directory.path().join("file");
                        fs::write(&file, "x").unwrap();
                        std::thread::yield_now();
                        assert_eq!(fs::read(&file).unwrap(), b"x");
                    }
                });
            }
        });
        drop(TemporaryDirectory::new_in(&place.0).unwrap());
        assert_eq!(place.entries(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_named_with_a_fix() {
        for directory in ["/no/such", "/proc"] {
            let cause = TemporaryDirectory::make(directory.as_ref()).unwrap_err();
            let error = unwritable(directory.as_ref(), &cause);
            assert!(error.finding().message.ends_with(directory), "{error}");
            assert!(error.finding().fix.as_deref().unwrap().contains("TMPDIR"));
        }
    }
}
