//! Programs of cgroups. Each gets a cgroup of its own that nobody is in: a child of this
//! process's, removed at once.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process,
};

use ebpf_base::KernelVersion;
use rustix::thread::UnshareFlags;

use super::{
    Attempt, Failure, Program,
    private::{self, Detached},
};
use crate::verifier::syscall::{self, LinkTarget};

pub(super) fn attach(program: &Program<'_>) -> Attempt {
    let attach_type = program.hook.expected_attach_type;
    // In a namespace of its own, a mount does not change the settings of the hierarchy,
    // and its root is this process's cgroup.
    private::with_namespaces(UnshareFlags::NEWCGROUP, || {
        let hierarchy = Detached::mount(c"cgroup2").map_err(no_cgroup)?;
        let cgroup = Cgroup::new(&hierarchy.path()).map_err(no_cgroup)?;
        let target = LinkTarget::Descriptor(cgroup.folder.as_fd());
        syscall::link_create(program.descriptor, attach_type, target)
            .map(drop)
            .map_err(|error| program.links_came_with(KernelVersion::new(5, 7), error.into()))
    })
    .map_err(no_cgroup)?
}

fn no_cgroup(error: io::Error) -> Failure {
    Failure::not_tried(format!("no cgroup (version 2) could be created: {error}"))
}

/// What the folders begin with.
const PREFIX: &str = "cargo-ebpf-attach-";

/// A cgroup that is removed when this is dropped. One that a killed process left behind
/// is removed by the next: a lock tells whose owner is still there.
#[derive(Debug)]
struct Cgroup {
    path: PathBuf,
    folder: File,
}

impl Cgroup {
    fn new(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent)?;
        let path = parent.join(format!("{PREFIX}{}", process::id()));
        // Between its making and its locking another process may take it for abandoned.
        const ATTEMPTS: usize = 10;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..ATTEMPTS {
            match fs::create_dir(&path).and_then(|()| File::open(&path)) {
                Ok(folder) => {
                    folder.lock()?;
                    if path.is_dir() {
                        return Ok(Self { path, folder });
                    }
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The next run removes what stays.
        let _ = fs::remove_dir(&self.path);
    }
}

fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // One that is gone meanwhile is as it should be.
        let Ok(folder) = File::open(entry.path()) else {
            continue;
        };
        match folder.try_lock() {
            Ok(()) => {
                let _ = fs::remove_dir(entry.path());
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(())
}
