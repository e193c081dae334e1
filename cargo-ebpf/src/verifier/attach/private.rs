//! Places that only this process has, and that go with it: namespaces of a thread, file
//! systems that are mounted nowhere.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::PathBuf,
    thread,
};

use rustix::{
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
    thread::{UnshareFlags, unshare_unsafe},
};

/// Runs `work` on a thread with new namespaces (`CLONE_NEW*`), which end with it.
///
/// # Errors
/// When this process may not have them, or there are none.
pub(super) fn with_namespaces<T: Send>(
    namespaces: UnshareFlags,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || {
            // SAFETY: these flags do not unshare the table of file descriptors, so those of other
            // threads stay valid here.
            unsafe { unshare_unsafe(namespaces) }?;
            Ok(work())
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
    /// From Linux 5.2 on.
    ///
    /// # Errors
    /// When the kernel has no such file system, or this process may not mount it.
    pub(super) fn mount(kind: &CStr) -> io::Result<Self> {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::empty();
        let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        Ok(Self(root))
    }

    /// Its root, while it is open.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}
