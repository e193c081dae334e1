//! The kernels in the cache directory.
//!
//! ```text
//! <directory>/
//!   images/<uname -r>_<version>/vmlinuz      complete, or absent
//!   images/<uname -r>_<version>/image.json   its `Image`, with the hashes
//!   images/<uname -r>_<version>/config       its configuration, if the package contains it
//!   available.json                           what the archive had when it was asked
//!   apt/                                     apt's lists, separate from the system's
//!   available-arm64.json, apt-arm64/         the same for arm64
//!   musl-arm64/                              its C library; complete, or absent
//!   lock                                     locked by the process that asks or fetches
//! ```

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use ebpf_base::{
    Error, Result, progress::Progress, temporary::TemporaryDirectory, write_atomically,
};

use super::{
    AvailablePackage, Image, KernelRelease, SourcePackage,
    available::{self, Catalogue},
    deb, digest,
    header::{self, Header},
};
use crate::{Architecture, code::Code};

/// How long a list of kernels counts as recent: Debian updates them every few days.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// The cache of kernels.
#[derive(Debug)]
pub(super) struct KernelCache {
    root: PathBuf,
}

impl KernelCache {
    /// The cache in `root`, which may not exist yet.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Locks the cache until the returned file is dropped, or this process is killed.
    pub(super) fn lock(&self, progress: &dyn Progress) -> Result<File> {
        self.make(&self.root)?;
        let path = self.root.join("lock");
        let failed = |cause: &io::Error| Error::io("lock", &path, cause);
        let file = File::create(&path).map_err(|cause| failed(&cause))?;
        if file.try_lock().is_err() {
            progress.begin("Waiting for another process that downloads kernels");
            file.lock().map_err(|cause| failed(&cause))?;
        }
        Ok(file)
    }

    /// The directory of the private apt for an architecture.
    pub(super) fn apt(&self, architecture: Architecture) -> Result<PathBuf> {
        let apt = self.apt_directory(architecture);
        self.make(&apt)?;
        Ok(apt)
    }

    fn apt_directory(&self, architecture: Architecture) -> PathBuf {
        self.root.join(named("apt", architecture))
    }

    /// Removes apt's own cache: 110 MB, more than all images. apt creates it again when it is
    /// missing, also if another run is using it.
    pub(super) fn remove_apt_cache(&self, architecture: Architecture) {
        let apt = self.apt_directory(architecture);
        let _ = fs::remove_file(apt.join("cache/pkgcache.bin"));
    }

    fn make(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).map_err(|cause| {
            let error = Error::io("make", directory, &cause);
            match cause.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    error.fix("set XDG_CACHE_HOME to a directory that this user can write to")
                }
                _ => error,
            }
        })
    }

    /// What the archive had when it was last asked; none if it never was.
    pub(super) fn catalogue(&self, architecture: Architecture) -> Option<Catalogue> {
        serde_json::from_slice(&fs::read(self.available(architecture)).ok()?).ok()
    }

    pub(super) fn save_catalogue(
        &self,
        architecture: Architecture,
        catalogue: &Catalogue,
    ) -> Result<()> {
        let path = self.available(architecture);
        write_atomically(&path, &json(&path, catalogue)?)
    }

    /// Whether the archive was asked recently.
    pub(super) fn catalogue_is_recent(&self, architecture: Architecture) -> bool {
        let asked =
            fs::metadata(self.available(architecture)).and_then(|metadata| metadata.modified());
        asked.is_ok_and(|asked| asked.elapsed().is_ok_and(|age| age < RECENT))
    }

    fn available(&self, architecture: Architecture) -> PathBuf {
        self.root.join(named("available", architecture) + ".json")
    }

    /// The releases for an architecture that have an image.
    pub(super) fn releases(&self, architecture: Architecture) -> Result<BTreeSet<KernelRelease>> {
        let releases = self.images()?.into_iter();
        Ok(releases
            .filter_map(|image| image.kernel())
            .filter(|release| release.architecture == architecture)
            .collect())
    }

    /// The newest undamaged image of a release.
    pub(super) fn newest(&self, release: KernelRelease) -> Result<Option<Image>> {
        let mut images = self.images()?;
        images.retain(|image| image.kernel() == Some(release));
        images.sort_by_cached_key(|image| available::order(&image.version));
        Ok(images.into_iter().rev().find(is_whole))
    }

    /// The image of this package.
    pub(super) fn get(&self, available: &AvailablePackage) -> Result<Option<Image>> {
        let image = read_entry(&self.entry(available));
        Ok(image.filter(|image| {
            let same = image
                .package
                .as_ref()
                .is_some_and(|package| package.sha256 == available.sha256);
            same && is_whole(image)
        }))
    }

    fn images(&self) -> Result<Vec<Image>> {
        let folder = self.root.join("images");
        match fs::read_dir(&folder) {
            Ok(entries) => Ok(entries
                .flatten()
                .filter_map(|entry| read_entry(&entry.path()))
                .collect()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(Error::io("read", &folder, &cause)),
        }
    }

    /// Names and versions of packages are valid file names; a name ends in the architecture.
    fn entry(&self, available: &AvailablePackage) -> PathBuf {
        let name = format!("{}_{}", available.uname(), available.version);
        self.root.join("images").join(name)
    }

    /// The C library for an architecture.
    pub(super) fn c_library(&self, architecture: Architecture) -> PathBuf {
        self.root.join(format!("musl-{architecture}"))
    }

    /// A directory to fetch into, removed when dropped.
    pub(super) fn workplace(&self) -> Result<TemporaryDirectory> {
        TemporaryDirectory::new_in(&self.root)
    }

    /// Extracts the image of `package` and makes it an entry. It requires the lock.
    ///
    /// # Errors
    /// When the package has another hash than in apt's lists or no image, or the disk is full.
    pub(super) fn put(
        &self,
        available: &AvailablePackage,
        package: &Path,
        workplace: TemporaryDirectory,
    ) -> Result<Image> {
        let (found, _) = digest::of_file(package)?;
        if found != available.sha256 {
            return Err(Error::new(
                Code::KernelPackageChanged,
                format!(
                    "the downloaded package {} is not the one in the signed package list",
                    available.package
                ),
            )
            .because(format!(
                "its SHA-256 is {found}, but the list contains {}",
                available.sha256
            ))
            .fix("run cargo ebpf clean --kernels, then run the same command again"));
        }
        let made = workplace.path().join("entry");
        self.make(&made)?;
        let path = made.join("vmlinuz");
        deb::extract(package, &available.places(), &path)?;
        // Kernels can be tried without.
        let configuration = made.join(super::CONFIGURATION);
        let _ = deb::extract(package, &available.configuration_places(), &configuration);
        let Header {
            architecture,
            release,
        } = header::read(&path)?;
        let (sha256, bytes) = digest::of_file(&path)?;
        let entry = self.entry(available);
        let image = Image {
            label: available
                .release()
                .map(|release| release.to_string())
                .unwrap_or_default(),
            architecture,
            release,
            version: available.version.clone(),
            path: entry.join("vmlinuz"),
            sha256,
            bytes,
            package: Some(SourcePackage {
                name: available.package.clone(),
                suite: available.suite.clone(),
                sha256: available.sha256.clone(),
            }),
        };
        let description = made.join("image.json");
        write_atomically(&description, &json(&description, &image)?)?;
        // An existing entry is damaged.
        let cleared = match fs::remove_dir_all(&entry) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => Ok(()),
        };
        cleared
            .and_then(|()| fs::create_dir_all(self.root.join("images")))
            .and_then(|()| fs::rename(&made, &entry))
            .map_err(|cause| Error::io("write", &entry, &cause))?;
        Ok(image)
    }
}

fn read_entry(entry: &Path) -> Option<Image> {
    let text = fs::read(entry.join("image.json")).ok()?;
    let mut image: Image = serde_json::from_slice(&text).ok()?;
    // The cache may have been moved.
    image.path = entry.join("vmlinuz");
    Some(image)
}

/// The name of a file or directory for an architecture. Those of before there were others stay.
fn named(name: &str, architecture: Architecture) -> String {
    match architecture {
        Architecture::X86_64 => name.to_owned(),
        Architecture::Arm64 => format!("{name}-{architecture}"),
    }
}

fn is_whole(image: &Image) -> bool {
    digest::of_file(&image.path).is_ok_and(|(sha256, _)| sha256 == image.sha256)
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|cause| Error::io("write", path, &cause.into()))
}
