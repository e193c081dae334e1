//! Kernel images: what the user asks for, what the Debian archive has, and what the cache
//! contains, ready to boot.
//!
//! An image in the cache is used as it is: neither apt nor a network is needed.

mod apt;
mod arm64;
mod available;
mod bzimage;
mod c_library;
mod cache;
mod deb;
mod digest;
mod header;
mod kernels;
mod sources;
mod spec;
#[cfg(test)]
mod tests;

/// Parsers of untrusted bytes.
pub(crate) mod fuzzing {
    pub use super::{deb::find as file_of_package, header::release_of as release_of_image};
}

use std::{
    fs,
    path::{Path, PathBuf},
};

use ebpf_base::{KernelVersion, Result};
use serde::{Deserialize, Serialize};

pub use self::{
    available::AvailablePackage,
    kernels::{KernelEntry, KernelTarget, Kernels},
    spec::{KernelRelease, KernelSpec, ParseKernelSpecError},
};
use crate::Architecture;

/// A kernel image on this disk, ready to boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// Its short name: `6.1`; of an image that the user named, its release.
    pub label: String,
    /// The processors that it is for.
    #[serde(default)]
    pub architecture: Architecture,
    /// Its `uname -r`: `6.1.0-49-cloud-amd64`.
    pub release: String,
    /// Its full version: `6.1.192-2`; of an image that the user named, its release.
    pub version: String,
    /// The file: a Linux/x86 boot image (bzImage), or one of Linux/arm64 (Image).
    pub path: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The package that it is from; none for an image that the user named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<SourcePackage>,
}

/// The package that an image is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourcePackage {
    /// `linux-image-6.1.0-56-cloud-amd64`
    pub name: String,
    /// The suite of the archive: `bookworm-security`.
    pub suite: String,
    /// SHA-256 of the package, from apt's signed lists.
    pub sha256: String,
}

/// The short name of an image that the user named. Distributions' releases have the architecture.
fn label(release: &str, architecture: Architecture) -> String {
    let is_named = |name| release.contains(name);
    match architecture.spellings().any(is_named) {
        true => release.to_owned(),
        false => spec::with_architecture(release, architecture, Architecture::HOST),
    }
}

/// The name of the file with a kernel's configuration, beside its image.
const CONFIGURATION: &str = "config";

impl Image {
    /// Which kernel it is of.
    pub(crate) fn kernel(&self) -> Option<KernelRelease> {
        let version = KernelVersion::of_release(&self.version)?;
        Some(KernelRelease::new(version, self.architecture))
    }

    /// The configuration that the kernel was built with; none if its package did not contain
    /// it, or the user named the image.
    pub fn configuration(&self) -> Option<Vec<u8>> {
        self.package.as_ref()?;
        fs::read(self.path.with_file_name(CONFIGURATION)).ok()
    }

    /// The image in the file at `path`. Its header is checked, and its release read.
    ///
    /// # Errors
    /// When it cannot be read, or is not a boot image for one of the architectures.
    pub fn open(path: &Path) -> Result<Self> {
        let header::Header {
            architecture,
            release,
        } = header::read(path)?;
        let (sha256, bytes) = digest::of_file(path)?;
        Ok(Self {
            label: label(&release, architecture),
            architecture,
            version: release.clone(),
            release,
            // qemu may be started in another directory.
            path: std::path::absolute(path)
                .map_err(|cause| ebpf_base::Error::io("find", path, &cause))?,
            sha256,
            bytes,
            package: None,
        })
    }
}
