//! Who can change a file while it is read.

use std::{fs, fs::File, io, os::unix::fs::MetadataExt as _, path::Path};

use crate::symbol::root;

/// File systems on which only this kernel changes files. From `linux/magic.h`, where libc has
/// no name for them.
const LOCAL: &[i64] = &[
    libc::BTRFS_SUPER_MAGIC,
    libc::EXT4_SUPER_MAGIC,
    libc::F2FS_SUPER_MAGIC,
    libc::OVERLAYFS_SUPER_MAGIC,
    libc::TMPFS_MAGIC,
    libc::XFS_SUPER_MAGIC,
    0x8584_58f6, // ramfs, which a guest boots from
    0x7371_7368, // squashfs
    0xe0f5_e1e2, // erofs
    0x2fc1_2fc1, // zfs
];

/// Group's and others' right to write.
const WRITABLE: u32 = 0o022;

/// Whose files are read together, within the same limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// The user.
    pub(super) uid: u32,
    /// The mount namespace of root's files: a container's root is another one. Zero for
    /// other users.
    namespace: u64,
}

impl Owner {
    /// The owner of a file that a process has.
    pub(super) fn of(file: &File, pid: u32) -> io::Result<Self> {
        let uid = file.metadata()?.uid();
        let namespace = if uid == 0 {
            fs::metadata(format!("/proc/{pid}/ns/mnt")).map_or(0, |namespace| namespace.ino())
        } else {
            0
        };
        Ok(Self { uid, namespace })
    }
}

/// Whether nobody but this system's root can change a file, or what is found beside it:
/// the file is at `path` here as well, and root's own like all directories of the path.
pub(super) fn is_roots_own(file: &File, path: &Path) -> bool {
    let local = root::file_system(file).is_ok_and(|kind| LOCAL.contains(&kind));
    let (Ok(found), Ok(path)) = (file.metadata(), path.canonicalize()) else {
        return false;
    };
    let same = fs::metadata(&path)
        .is_ok_and(|here| (here.dev(), here.ino()) == (found.dev(), found.ino()));
    local
        && same
        && path.ancestors().all(|part| {
            fs::metadata(part).is_ok_and(|part| part.uid() == 0 && part.mode() & WRITABLE == 0)
        })
}

#[cfg(test)]
mod tests {
    use std::{fs, fs::File, os::unix::fs::PermissionsExt as _, path::Path};

    use super::is_roots_own;

    #[test]
    fn what_others_can_change_is_not_roots_own() {
        let own = |path: &Path| is_roots_own(&File::open(path).unwrap(), path);
        // Not all of what builds run in has the C library in a local file system of root's.
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "text").unwrap();
        assert!(!own(&file), "everybody can put a file beside it");
        let elsewhere = Path::new("/etc/hostname");
        if elsewhere.exists() {
            let file = File::open(&file).unwrap();
            assert!(!is_roots_own(&file, elsewhere), "another file");
        }
        let writable = fs::Permissions::from_mode(0o666);
        fs::set_permissions(&file, writable).unwrap();
        assert!(!own(&file));
    }
}
