//! tracefs, where tracepoints and traceable functions are listed.

use std::path::{Path, PathBuf};

use super::{Failure, private::Detached};

/// The file system of tracing: the one that is mounted, or one of our own.
#[derive(Debug)]
pub(super) enum Tracefs {
    Mounted(PathBuf),
    Own(Detached),
}

impl Tracefs {
    /// # Errors
    /// When the kernel has none, or this process may not have it.
    pub(super) fn open() -> Result<Self, Failure> {
        let places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
        if let Some(place) = places.iter().find(|p| Path::new(p).join("events").is_dir()) {
            return Ok(Self::Mounted(place.into()));
        }
        Detached::mount(c"tracefs")
            .map(Self::Own)
            .map_err(|error| Failure::NotTried {
                reason: format!(
                    "tracefs is not mounted at /sys/kernel/tracing, and mounting it failed: {error}"
                ),
                fix: Some("mount -t tracefs tracefs /sys/kernel/tracing"),
            })
    }

    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Mounted(path) => path.clone(),
            Self::Own(detached) => detached.path(),
        }
    }
}
