//! Places that only this process has, and that go with it: namespaces of a thread, file
//! systems that are mounted nowhere.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
    path::PathBuf,
    ptr, thread,
};

/// Runs `work` on a thread with new namespaces (`CLONE_NEW*`), which end with it.
///
/// # Errors
/// When this process may not have them, or there are none.
pub(super) fn with_namespaces<T: Send>(
    namespaces: libc::c_int,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || {
            // SAFETY: it takes flags only, and changes this thread alone.
            match unsafe { libc::unshare(namespaces) } {
                0 => Ok(work()),
                _ => Err(io::Error::last_os_error()),
            }
        })?;
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    })
}

/// A file system that is mounted nowhere, and gone with this.
#[derive(Debug)]
pub(super) struct Detached(OwnedFd);

impl Detached {
    /// Linux 5.2.
    ///
    /// # Errors
    /// When the kernel has no such file system, or this process may not mount it.
    pub(super) fn mount(kind: &CStr) -> io::Result<Self> {
        /// include/uapi/linux/mount.h
        const FSOPEN_CLOEXEC: u32 = 1;
        const FSMOUNT_CLOEXEC: u32 = 1;
        const FSCONFIG_CMD_CREATE: u32 = 6;
        // SAFETY: the name ends with a NUL and outlives the call.
        let context =
            owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })?;
        let no_text = ptr::null::<u8>();
        // SAFETY: this command takes no key, no value and no number.
        let created = unsafe {
            libc::syscall(
                libc::SYS_fsconfig,
                context.as_raw_fd(),
                FSCONFIG_CMD_CREATE,
                no_text,
                no_text,
                0,
            )
        };
        if created != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it takes a descriptor, which is open, and flags.
        owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, 0) })
            .map(Self)
    }

    /// Its root, while it is open.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// The descriptor that a system call has just made.
pub(super) fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: it is new, and nobody else owns it.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}
