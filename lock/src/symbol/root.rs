//! Opens files as another process sees them: in its root and its mount namespace.

use std::{
    ffi::CString,
    fs::File,
    io,
    mem::size_of,
    os::{
        fd::{AsRawFd as _, FromRawFd as _},
        unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    },
    path::Path,
};

/// Opens a file for reading under a process's root. Neither absolute links nor `..` lead out
/// of it, and neither a pipe nor a device makes it wait: anything but a regular file is rejected.
pub(crate) fn open(pid: u32, path: &Path) -> io::Result<File> {
    let root = File::options()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC)
        .open(format!("/proc/{pid}/root"))?;
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: open_how is plain numbers, for which zero is a value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
    how.resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
    // SAFETY: the path is a string that ends in zero, and `how` is as large as is said.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            root.as_raw_fd(),
            path.as_ptr(),
            &raw mut how,
            size_of::<libc::open_how>(),
        )
    };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made this descriptor for us, and nobody else has it.
    let file = unsafe { File::from_raw_fd(fd) };
    regular(file)
}

/// Whether a process has no root any more, as it ended.
pub(crate) fn is_gone(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/root"))
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Opens the file behind a link in `/proc` that the kernel itself resolves, whatever became
/// of the file's path since.
pub(crate) fn open_link(path: &str) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    regular(file)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidInput))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn only_regular_files_are_opened() {
        let pid = std::process::id();
        assert!(super::open(pid, Path::new("/proc/self/status")).is_ok());
        assert!(super::open(pid, Path::new("/dev/null")).is_err());
        assert!(super::open(pid, Path::new("/")).is_err());
        assert!(super::open_link(&format!("/proc/{pid}/exe")).is_ok());
    }
}
