//! Opens files as another process sees them, with the rights of a user: in the process's root
//! and mount namespace, regular files only.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, fstatfs, openat2},
    process::{Gid, getegid, geteuid, getgroups},
    thread::set_thread_groups,
};

/// File systems whose files are views of the kernel: reading one can wait, take events away or
/// never end. From `linux/magic.h`.
const OF_THE_KERNEL: &[i64] = &[
    libc::PROC_SUPER_MAGIC,
    libc::SYSFS_MAGIC,
    libc::DEBUGFS_MAGIC,
    libc::TRACEFS_MAGIC,
    libc::CGROUP_SUPER_MAGIC,
    libc::CGROUP2_SUPER_MAGIC,
    libc::SECURITYFS_MAGIC,
    libc::BPF_FS_MAGIC,
    libc::SELINUX_MAGIC,
];

/// The group without rights: a file's own group is not one that its owner is in.
const NO_GROUP: libc::gid_t = 65534;

/// Whether the last part of a path may be a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// It may.
    Followed,
    /// It may not: everybody can write into the directory.
    Rejected,
}

/// Opens a file for reading under a process's root, with the rights of the user `uid`. Neither
/// absolute links nor `..` lead out of it.
pub(crate) fn open(pid: u32, uid: u32, path: &Path, links: Links) -> io::Result<File> {
    let root = File::options()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC)
        .open(format!("/proc/{pid}/root"))?;
    // Opening a device can do something: it is looked at before.
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    if links == Links::Rejected {
        flags |= OFlags::NOFOLLOW;
    }
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let _as_user = AsUser::enter(uid);
    let place = openat2(&root, path, flags, Mode::empty(), resolve)?;
    readable(&place.into())
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
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
        .open(path)?;
    readable(&file)
}

/// Opens a file for reading that is known by its place only.
fn readable(place: &File) -> io::Result<File> {
    if !place.metadata()?.is_file() || OF_THE_KERNEL.contains(&file_system(place)?) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(format!("/proc/self/fd/{}", place.as_raw_fd()))
}

/// The type of a file's file system, from `linux/magic.h`.
pub(super) fn file_system(file: &File) -> io::Result<i64> {
    Ok(fstatfs(file)?.f_type)
}

/// This thread with another user's rights on files, until it is dropped. Nothing changes
/// where this process is not root's, as the kernel does not let it.
struct AsUser {
    groups: Vec<Gid>,
}

impl AsUser {
    fn enter(uid: u32) -> Option<Self> {
        if uid == 0 || !geteuid().is_root() {
            return None;
        }
        let groups = getgroups().unwrap_or_default();
        set_rights(uid, NO_GROUP, &[]);
        Some(Self { groups })
    }
}

impl Drop for AsUser {
    fn drop(&mut self) {
        set_rights(0, getegid().as_raw(), &self.groups);
    }
}

/// Gives this thread a user's rights on files for good, before it drops the capabilities that
/// could take others.
pub(super) fn become_user(uid: u32) {
    set_rights(uid, NO_GROUP, &[]);
}

/// Of this thread only: the C library's functions are about all threads. The order is that in
/// which each call still has the capability that it needs.
fn set_rights(uid: u32, group: libc::gid_t, groups: &[Gid]) {
    let _ = set_thread_groups(groups);
    // SAFETY: both take a number.
    unsafe {
        libc::syscall(libc::SYS_setfsgid, group);
        libc::syscall(libc::SYS_setfsuid, uid);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

    use super::{Links, open, open_link};

    const NOBODY: u32 = 65534;

    #[test]
    fn only_regular_files_are_opened() {
        let pid = std::process::id();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        let pipe = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(pipe.success());
        let open = |path: &Path, links| open(pid, 0, path, links);
        assert!(open(&path("file"), Links::Rejected).is_ok());
        assert!(open(&path("link"), Links::Followed).is_ok());
        for other in ["link", "pipe", "."] {
            assert!(open(&path(other), Links::Rejected).is_err(), "{other}");
        }
        for other in [
            "/proc/self/status",
            "/dev/null",
            "/sys/kernel/uevent_seqnum",
        ] {
            assert!(open(Path::new(other), Links::Followed).is_err(), "{other}");
        }
        assert!(open_link(&format!("/proc/{pid}/exe")).is_ok());
    }

    #[test]
    fn a_user_opens_what_that_user_may_read() {
        let directory = tempfile::tempdir().unwrap();
        let all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), all).unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "text").unwrap();
        let pid = std::process::id();
        // SAFETY: without arguments.
        let root = unsafe { libc::geteuid() } == 0;
        for (mode, readable) in [(0o644, true), (0o640, false), (0o600, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            // Others than root read their own files, and have no other rights.
            let opened = open(pid, NOBODY, &file, Links::Rejected).is_ok();
            assert_eq!(opened, readable || !root, "{mode:o}");
            assert!(
                fs::read(&file).is_ok(),
                "this thread has its own rights again"
            );
        }
    }
}
