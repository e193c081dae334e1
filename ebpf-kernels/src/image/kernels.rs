//! The archive and the cache together: when apt is asked, and what is done without it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use ebpf_base::{Error, Finding, Result, Severity, progress::Progress};
use serde::{Deserialize, Serialize};

use super::{
    AvailablePackage, Image,
    apt::Apt,
    available::Catalogue,
    cache::KernelCache,
    spec::{KernelRelease, KernelSpec},
};
use crate::{Architecture, code::Code, process::Spawn};

/// A kernel to run something on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are a handful of them")]
pub enum KernelTarget {
    /// The running one.
    Host,
    /// One that a guest boots.
    Image(Image),
}

impl KernelTarget {
    /// Its architecture; none for the running kernel of a machine whose architecture has no
    /// kernels here.
    pub fn architecture(&self) -> Option<Architecture> {
        match self {
            Self::Host => Architecture::HOST,
            Self::Image(image) => Some(image.architecture),
        }
    }

    /// Its short name: `host`, `6.1`.
    pub fn label(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::Image(image) => &image.label,
        }
    }
}

/// A kernel in the cache, in the archive, or in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KernelEntry {
    /// Its name as a [`KernelSpec`].
    pub label: String,
    /// The processors that it is for.
    #[serde(default)]
    pub architecture: Architecture,
    /// The newest version in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<AvailablePackage>,
    /// The newest version in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<Image>,
}

/// The kernels of the Debian archive and of a cache. The lists of the archive are fetched at
/// most once.
pub struct Kernels<'a> {
    pub(super) cache: KernelCache,
    pub(super) spawn: &'a dyn Spawn,
    pub(super) progress: &'a dyn Progress,
    /// The result of fetching the lists of an architecture, if that was tried.
    refreshed: BTreeMap<Architecture, Result<()>>,
}

impl fmt::Debug for Kernels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernels")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl<'a> Kernels<'a> {
    /// With the cache in `directory`, which is created when it is first needed.
    pub fn new(
        directory: impl Into<PathBuf>,
        spawn: &'a dyn Spawn,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            cache: KernelCache::new(directory.into()),
            spawn,
            progress,
            refreshed: BTreeMap::new(),
        }
    }

    /// The kernels that `specs` name, each once, in this order. Fetches those that are not in
    /// the cache. Without a network, [`KernelSpec::All`] means all in the cache, with a
    /// warning.
    ///
    /// # Errors
    /// When one is neither in the cache nor can be fetched, with the list of those that are;
    /// when a named file is not a kernel image.
    pub fn resolve(&mut self, specs: &[KernelSpec]) -> Result<Vec<KernelTarget>> {
        let mut targets: Vec<KernelTarget> = Vec::new();
        let mut add = |target| {
            if !targets.contains(&target) {
                targets.push(target);
            }
        };
        for one in specs {
            match one {
                KernelSpec::Host => add(KernelTarget::Host),
                KernelSpec::Image(path) => {
                    let image = Image::open(path).map_err(|error| match one.misspelt() {
                        Some(fix) if !path.exists() => error.fix(fix),
                        _ => error,
                    })?;
                    add(KernelTarget::Image(image));
                }
                KernelSpec::Release(release) => add(KernelTarget::Image(self.image(*release)?)),
                KernelSpec::All(architecture) => {
                    for release in self.all(*architecture)? {
                        let image = self.image(release);
                        if let Some(image) = self.or_warn(image)? {
                            add(KernelTarget::Image(image));
                        }
                    }
                }
            }
        }
        Ok(targets)
    }

    /// Fetches the newest version of what `specs` name. Where the archive cannot be reached,
    /// the cache is left as it is, with a warning.
    ///
    /// # Errors
    /// As [`Self::resolve`]; also when the cache is empty and the archive cannot be reached.
    pub fn fetch(&mut self, specs: &[KernelSpec]) -> Result<()> {
        for one in specs {
            match one {
                // Nothing to fetch.
                KernelSpec::Host | KernelSpec::Image(_) => {}
                KernelSpec::Release(release) => {
                    self.newest(*release)?;
                }
                KernelSpec::All(architecture) => {
                    if self.refresh_or_warn(*architecture)? {
                        for release in self.labels(*architecture)? {
                            let image = self.newest(release);
                            self.or_warn(image)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The kernels in the cache or the archive, oldest first. Where the archive cannot be
    /// reached, those of its last list, with a warning. Of architectures that this machine does
    /// not have, only if some were fetched or asked for before.
    ///
    /// # Errors
    /// When the cache is empty and the archive cannot be reached, or the cache cannot be read.
    pub fn list(&mut self) -> Result<Vec<KernelEntry>> {
        let mut entries = Vec::new();
        for architecture in Architecture::ALL {
            let native = Architecture::HOST.unwrap_or_default() == architecture;
            if !native && self.labels(architecture)?.is_empty() {
                continue;
            }
            if !self.cache.catalogue_is_recent(architecture) {
                self.refresh_or_warn(architecture)?;
            }
            let catalogue = self.catalogue(architecture);
            for release in self.labels(architecture)? {
                entries.push(KernelEntry {
                    label: release.to_string(),
                    architecture,
                    offered: catalogue.newest(release).cloned(),
                    cached: self.cache.newest(release)?,
                });
            }
        }
        Ok(entries)
    }

    /// What the archive had when it was last asked.
    fn catalogue(&self, architecture: Architecture) -> Catalogue {
        self.cache.catalogue(architecture).unwrap_or_default()
    }

    /// The releases in the cache or, according to its last list, the archive.
    fn labels(&self, architecture: Architecture) -> Result<BTreeSet<KernelRelease>> {
        let mut labels: BTreeSet<KernelRelease> = self.catalogue(architecture).releases().collect();
        labels.extend(self.cache.releases(architecture)?);
        Ok(labels)
    }

    /// Asks the archive what it has.
    pub(super) fn refresh(&mut self, architecture: Architecture) -> Result<()> {
        if let Some(outcome) = self.refreshed.get(&architecture) {
            return outcome.clone();
        }
        let outcome = self.ask(architecture);
        self.spawn.check_interrupted()?;
        self.refreshed.insert(architecture, outcome.clone());
        outcome
    }

    fn ask(&self, architecture: Architecture) -> Result<()> {
        let _lock = self.cache.lock(self.progress)?;
        let apt = Apt::new(architecture, self.cache.apt(architecture)?, self.spawn)?;
        self.progress
            .begin("Listing the kernels in the Debian archive");
        let missed = apt.update()?;
        let catalogue = apt.catalogue()?;
        if catalogue.is_empty() {
            return Err(missed.unwrap_or_else(|| {
                Error::new(
                    Code::KernelsNoneOffered,
                    "the mirror in this machine's apt sources has no kernel packages",
                )
            }));
        }
        self.cache.save_catalogue(architecture, &catalogue)?;
        self.progress.end();
        if let Some(missed) = missed {
            self.progress.warn(&warning(
                &missed,
                "the package lists of some Debian suites were not updated",
            ));
        }
        Ok(())
    }

    /// As [`Self::refresh`], but if the cache is not empty, a failure is a warning, once.
    /// Returns whether the archive could be asked.
    fn refresh_or_warn(&mut self, architecture: Architecture) -> Result<bool> {
        let first = !self.refreshed.contains_key(&architecture);
        let Err(error) = self.refresh(architecture) else {
            return Ok(true);
        };
        if self.cache.releases(architecture)?.is_empty() {
            return Err(error);
        }
        if first {
            self.progress.warn(&warning(
                &error,
                "using cached kernels, as the Debian archive cannot be reached",
            ));
        }
        Ok(false)
    }

    /// What `all` means: each release in the cache or the archive.
    fn all(&mut self, architecture: Architecture) -> Result<BTreeSet<KernelRelease>> {
        let cached = self.cache.releases(architecture)?;
        let labels = self.labels(architecture)?;
        // What is missing has to be fetched, with recent lists.
        let complete = !self.catalogue(architecture).is_empty() && labels == cached;
        if complete || self.refresh_or_warn(architecture)? {
            self.labels(architecture)
        } else {
            Ok(cached)
        }
    }

    /// Of one of all releases: none, with a warning, if the archive does not have it.
    fn or_warn(&self, image: Result<Image>) -> Result<Option<Image>> {
        match image {
            Err(error) if error.code() == UNKNOWN.as_str() => {
                let mut warning = error.finding().clone().severity(Severity::Warning);
                warning.fix = None;
                self.progress.warn(&warning);
                Ok(None)
            }
            image => image.map(Some),
        }
    }

    /// The cached image; fetched where there is none.
    fn image(&mut self, release: KernelRelease) -> Result<Image> {
        match self.cache.newest(release)? {
            Some(image) => Ok(image),
            None => self.newest(release),
        }
    }

    /// The newest of the archive; if that is unavailable, of the cache, with a warning.
    fn newest(&mut self, release: KernelRelease) -> Result<Image> {
        let Some(cached) = self.cache.newest(release)? else {
            let fetched = self
                .refresh(release.architecture)
                .and_then(|()| self.get(release));
            self.spawn.check_interrupted()?;
            return fetched.map_err(|error| self.out_of_reach(release, error));
        };
        if !self.refresh_or_warn(release.architecture)? {
            return Ok(cached);
        }
        self.get(release).or_else(|error| {
            self.spawn.check_interrupted()?;
            let what = format!("using the cached Linux {}", cached.version);
            self.progress.warn(&warning(&error, &what));
            Ok(cached)
        })
    }

    /// The newest that the archive has; the lists may contain newer ones, whose packages were
    /// removed.
    fn get(&self, release: KernelRelease) -> Result<Image> {
        let catalogue = self.catalogue(release.architecture);
        let _lock = self.cache.lock(self.progress)?;
        let mut absent: Option<Error> = None;
        for available in catalogue.newest_first(release) {
            // Another run may have fetched it while we waited.
            let image = match self.cache.get(available)? {
                Some(image) => Ok(image),
                None => self.download(available),
            };
            let image = match image {
                Err(error) if error.code() == Code::PackageAbsent.as_str() => {
                    absent = absent.or(Some(error));
                    continue;
                }
                image => image?,
            };
            if let Some(newer) = absent {
                let what = format!("using Linux {}", image.version);
                let warning = Finding::warning(Code::PackageAbsent, what);
                self.progress
                    .warn(&warning.because(in_one_line(newer.finding())));
            }
            return Ok(image);
        }
        Err(match absent {
            Some(_) => self.lacking(release),
            None => self.unknown(release),
        })
    }

    fn download(&self, available: &AvailablePackage) -> Result<Image> {
        let architecture = available.architecture();
        let apt = Apt::new(architecture, self.cache.apt(architecture)?, self.spawn)?;
        self.progress.begin(&format!(
            "Downloading Linux {} ({}, {})",
            available.version,
            available.package,
            size(available.bytes)
        ));
        let folder = self.cache.workplace()?;
        let package = apt.download(available, folder.path())?;
        let image = self.cache.put(available, &package, folder)?;
        self.progress.end();
        Ok(image)
    }

    fn unknown(&self, release: KernelRelease) -> Error {
        Error::new(UNKNOWN, format!("Linux {release} is not available"))
            .because(format!(
                "kernels in the Debian archive and the cache: {}",
                self.others(release)
            ))
            .fix(CHOOSE)
    }

    /// As [`Self::unknown`], of one that is in the lists.
    fn lacking(&self, release: KernelRelease) -> Error {
        Error::new(
            UNKNOWN,
            format!("the Debian archive does not have Linux {release}"),
        )
        .because(format!(
            "its lists contain this version, but its packages were removed; available kernels: {}",
            self.others(release)
        ))
        .fix(CHOOSE)
    }

    /// The names of the other releases for this architecture.
    fn others(&self, release: KernelRelease) -> String {
        let mut others = self.labels(release.architecture).unwrap_or_default();
        others.remove(&release);
        match names(&others) {
            names if names.is_empty() => format!("none for {}", release.architecture),
            names => names,
        }
    }

    fn out_of_reach(&self, release: KernelRelease, cause: Error) -> Error {
        if cause.code() == UNKNOWN.as_str() {
            return cause;
        }
        let finding = cause.finding();
        let cached = names(
            &self
                .cache
                .releases(release.architecture)
                .unwrap_or_default(),
        );
        let error = Error::new(
            finding.code.clone(),
            format!("Linux {release} is not cached, and could not be downloaded"),
        )
        .because(in_one_line(finding));
        let mut fix = finding.fix.clone().unwrap_or_else(|| {
            format!("connect this machine to the network, then run: cargo ebpf kernels --fetch {release}")
        });
        if !cached.is_empty() {
            fix += &format!("\nor use a cached kernel: {cached}");
        }
        error.fix(fix)
    }
}

impl Drop for Kernels<'_> {
    fn drop(&mut self) {
        for &architecture in self.refreshed.keys() {
            self.cache.remove_apt_cache(architecture);
        }
    }
}

/// The code of the error for a release that is neither in the archive nor in the cache.
const UNKNOWN: Code = Code::KernelUnknown;

/// What to do instead.
const CHOOSE: &str = "choose one of these, or pass the path of a kernel image";

/// A size for people: `20.5 MiB`.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    let tenths = bytes.saturating_mul(10) / MIB;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

fn names(releases: &BTreeSet<KernelRelease>) -> String {
    let names: Vec<String> = releases.iter().map(KernelRelease::to_string).collect();
    names.join(", ")
}

fn warning(error: &Error, what: &str) -> Finding {
    Finding::warning(Code::KernelsOffline, what).because(in_one_line(error.finding()))
}

fn in_one_line(finding: &Finding) -> String {
    match &finding.cause {
        Some(cause) => format!("{}: {cause}", finding.message),
        None => finding.message.clone(),
    }
}
