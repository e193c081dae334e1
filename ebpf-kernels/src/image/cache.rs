//! The kernels in the cache directory.
//!
//! ```text
//! <directory>/
//!   images/<uname -r>_<version>/vmlinuz      complete, or absent
//!   images/<uname -r>_<version>/image.json   its `Image`, with the hashes
//!   available.json                           what the archive had when it was asked
//!   apt/                                     apt's lists, separate from the system's
//!   lock                                     locked by the process that asks or fetches
//! ```

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use ebpf_base::KernelVersion;
use ebpf_base::{Error, Result, progress::Progress, write_atomically};
use tempfile::TempDir;

use super::{
    AvailablePackage, Image, SourcePackage,
    available::{self, Catalogue},
    bzimage, deb, digest,
};
use crate::code::Code;

/// What a list of kernels is taken for recent for: Debian updates them every few days.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// Begins the name of a folder in which a kernel is being fetched.
const WORKPLACE: &str = ".fetching-";

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

    /// Held until the returned file is dropped, also by the kernel when we are killed.
    pub(super) fn lock(&self, progress: &dyn Progress) -> Result<File> {
        self.make(&self.root)?;
        let path = self.root.join("lock");
        let failed = |cause: &io::Error| Error::io("lock", &path, cause);
        let file = File::create(&path).map_err(|cause| failed(&cause))?;
        if file.try_lock().is_err() {
            progress.begin("Waiting for another run that fetches kernels");
            file.lock().map_err(|cause| failed(&cause))?;
        }
        Ok(file)
    }

    /// The folder of our apt.
    pub(super) fn apt(&self) -> Result<PathBuf> {
        let apt = self.root.join("apt");
        self.make(&apt)?;
        Ok(apt)
    }

    /// What apt keeps to be fast: 110 MB, more than all images. It makes it anew where
    /// it is not there, also beside another run.
    pub(super) fn forget_apts_cache(&self) {
        let _ = fs::remove_file(self.root.join("apt/cache/pkgcache.bin"));
    }

    fn make(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(|cause| {
            let error = Error::io("make", folder, &cause);
            match cause.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    error.fix("set XDG_CACHE_HOME to a folder that this user can write")
                }
                _ => error,
            }
        })
    }

    /// What the archive had when it was last asked; none when it never was.
    pub(super) fn catalogue(&self) -> Option<Catalogue> {
        serde_json::from_slice(&fs::read(self.available()).ok()?).ok()
    }

    pub(super) fn save_catalogue(&self, catalogue: &Catalogue) -> Result<()> {
        let path = self.available();
        write_atomically(&path, &json(&path, catalogue)?)
    }

    /// Whether the archive was asked not long ago.
    pub(super) fn catalogue_is_recent(&self) -> bool {
        let asked = fs::metadata(self.available()).and_then(|metadata| metadata.modified());
        asked.is_ok_and(|asked| asked.elapsed().is_ok_and(|age| age < RECENT))
    }

    fn available(&self) -> PathBuf {
        self.root.join("available.json")
    }

    /// The releases of which there is an image.
    pub(super) fn releases(&self) -> Result<BTreeSet<KernelVersion>> {
        let releases = self.images()?.into_iter();
        Ok(releases
            .filter_map(|image| KernelVersion::of_release(&image.version))
            .collect())
    }

    /// The newest image of a release that is as it was when it was put here.
    pub(super) fn newest(&self, release: KernelVersion) -> Result<Option<Image>> {
        let mut images = self.images()?;
        images.retain(|image| KernelVersion::of_release(&image.version) == Some(release));
        images.sort_by_cached_key(|image| available::order(&image.version));
        Ok(images.into_iter().rev().find(is_whole))
    }

    /// The image of this very package.
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

    /// Names and versions of packages are fit for a file's name.
    fn entry(&self, available: &AvailablePackage) -> PathBuf {
        let name = format!("{}_{}", available.uname(), available.version);
        self.root.join("images").join(name)
    }

    /// A folder to fetch into, removed when dropped. Only for who holds the lock: it
    /// clears away what killed runs have left.
    pub(super) fn workplace(&self) -> Result<TempDir> {
        for left in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if left.file_name().to_string_lossy().starts_with(WORKPLACE) {
                // If it stays, only space is lost.
                let _ = fs::remove_dir_all(left.path());
            }
        }
        tempfile::Builder::new()
            .prefix(WORKPLACE)
            .tempdir_in(&self.root)
            .map_err(|cause| Error::io("make a folder in", &self.root, &cause))
    }

    /// Takes the image out of `package` and makes it an entry. For who holds the lock.
    ///
    /// # Errors
    /// When the package is not what apt's lists say, holds no image, or the disk is full.
    pub(super) fn put(
        &self,
        available: &AvailablePackage,
        package: &Path,
        workplace: TempDir,
    ) -> Result<Image> {
        let (found, _) = digest::of_file(package)?;
        if found != available.sha256 {
            return Err(Error::new(
                Code::KernelPackageChanged,
                format!(
                    "{} is not the package that apt's lists name",
                    available.package
                ),
            )
            .because(format!("its SHA-256 is {found}, not {}", available.sha256))
            .fix("cargo ebpf clean --kernels"));
        }
        let made = workplace.path().join("entry");
        self.make(&made)?;
        let path = made.join("vmlinuz");
        deb::extract(package, &available.places(), &path)?;
        let release = bzimage::release(&path)?;
        let (sha256, bytes) = digest::of_file(&path)?;
        let entry = self.entry(available);
        let image = Image {
            label: available
                .release()
                .map(|release| release.to_string())
                .unwrap_or_default(),
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
        // What is there was damaged after it was made.
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
    // The folder may have been moved.
    image.path = entry.join("vmlinuz");
    Some(image)
}

fn is_whole(image: &Image) -> bool {
    digest::of_file(&image.path).is_ok_and(|(sha256, _)| sha256 == image.sha256)
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|cause| Error::io("write", path, &cause.into()))
}
