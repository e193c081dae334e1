//! Kernel images to try objects on: what the user asks for, what the Debian archive
//! has, and what lies in the cache, ready to boot.
//!
//! An image that is cached is used as it is: neither apt nor a network is needed.

mod apt;
mod archive;
pub(crate) mod bzimage;
pub(crate) mod deb;
mod digest;
#[cfg(test)]
mod fixtures;
mod offer;
mod sources;
mod spec;
mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use ebpf_build::Result;
use serde::{Deserialize, Serialize};

use self::{archive::Archive, offer::Offer, store::Store};
pub(crate) use self::{spec::Wanted, store::folder};
use crate::{host::process::Spawner, progress::Monitor};

/// A kernel to try objects on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The one that runs.
    Host,
    /// One that a guest boots.
    Image(Image),
}

impl Choice {
    /// What people call it.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::Image(image) => &image.label,
        }
    }
}

/// A kernel image on this disk, ready to boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// What people call it: `6.1`; of an image that the user named, its release.
    pub(crate) label: String,
    /// What `uname -r` says in it: `6.1.0-49-cloud-amd64`.
    pub(crate) release: String,
    /// Its full version: `6.1.192-2`; of an image that the user named, its release.
    pub(crate) version: String,
    /// The file, a Linux/x86 boot image (bzImage).
    pub(crate) path: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) sha256: String,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// The package that it is from; none for an image that the user named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) package: Option<Package>,
}

/// The package that an image is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Of the archive: `bookworm-security`.
    pub(crate) suite: String,
    /// SHA-256 of the package, as apt's signed lists have it.
    pub(crate) sha256: String,
}

/// A kernel that is cached, or can be had, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Known {
    /// What to write after `--kernel`.
    pub(crate) label: String,
    /// The newest version in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offered: Option<Offer>,
    /// The newest version in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cached: Option<Image>,
}

/// The kernels that `wanted` names, each once, in the order in which they are named.
/// Fetches those that are not cached; without a network, `all` is what is cached, and
/// a warning says so.
///
/// # Errors
/// When one can neither be found nor fetched, with what there is; when a named file is
/// no kernel image.
pub(crate) fn resolve(
    wanted: &[Wanted],
    spawner: &Spawner,
    progress: &dyn Monitor,
) -> Result<Vec<Choice>> {
    Archive::new(&Store::of_user()?, spawner, progress).choose(wanted)
}

/// Brings what `fetch` names up to date with the archive, the newest version of each,
/// and says what is then cached or can be had, oldest first. Where the archive cannot
/// be reached, what is cached stays, and a warning says so.
///
/// # Errors
/// As [`resolve`]; also when nothing is cached and the archive cannot be asked.
pub(crate) fn list(
    fetch: &[Wanted],
    spawner: &Spawner,
    progress: &dyn Monitor,
) -> Result<Vec<Known>> {
    let store = Store::of_user()?;
    let mut archive = Archive::new(&store, spawner, progress);
    archive.fetch(fetch)?;
    archive.list()
}
