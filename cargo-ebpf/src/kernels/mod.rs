//! Kernel images to try objects on: what the user asks for, what the Debian archive
//! has, and what lies in the cache, ready to boot.
//!
//! An image that is cached is used as it is: neither apt nor a network is needed.

mod apt;
mod bzimage;
mod deb;
#[cfg(test)]
mod made_up;
mod offer;
mod sources;
mod store;
mod wanted;

use std::{collections::BTreeSet, path::PathBuf};

use ebpf_build::{Error, Finding, Result, progress::Progress};
use serde::{Deserialize, Serialize};

use self::{
    apt::Apt,
    offer::{Catalogue, Offer},
    store::Store,
    wanted::Release,
};
pub(crate) use self::{store::folder, wanted::Wanted};
use crate::{cli::Global, interrupt, report::human};

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
    global: &Global,
    progress: &dyn Progress,
) -> Result<Vec<Choice>> {
    let store = Store::of_user()?;
    let mut archive = Archive::new(&store, global, progress);
    let mut choices = Vec::new();
    for one in wanted {
        match one {
            Wanted::Host => choices.push(Choice::Host),
            Wanted::Image(path) => choices.push(Choice::Image(bzimage::open(path)?)),
            Wanted::Release(release) => {
                choices.push(Choice::Image(archive.image(*release)?));
            }
            Wanted::All => {
                for release in archive.all()? {
                    choices.push(Choice::Image(archive.image(release)?));
                }
            }
        }
    }
    let mut seen = Vec::new();
    choices.retain(|choice| {
        let new = !seen.contains(choice);
        seen.push(choice.clone());
        new
    });
    Ok(choices)
}

/// Brings what `wanted` names up to date with the archive: the newest version of each.
/// Where the archive cannot be reached, what is cached stays, and a warning says so.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn fetch(wanted: &[Wanted], global: &Global, progress: &dyn Progress) -> Result<()> {
    let store = Store::of_user()?;
    let mut archive = Archive::new(&store, global, progress);
    let mut releases = Vec::new();
    for one in wanted {
        match one {
            // There already.
            Wanted::Host | Wanted::Image(_) => {}
            Wanted::Release(release) => releases.push(*release),
            Wanted::All => {
                archive.refresh()?;
                releases.extend(archive.all()?);
            }
        }
    }
    for release in releases {
        archive.newest(release)?;
    }
    Ok(())
}

/// Everything that is cached or can be had, oldest first.
///
/// # Errors
/// When there is nothing cached and the archive cannot be asked.
pub(crate) fn known(global: &Global, progress: &dyn Progress) -> Result<Vec<Known>> {
    let store = Store::of_user()?;
    let mut archive = Archive::new(&store, global, progress);
    if !store.catalogue_is_recent() {
        archive.refresh_or_warn()?;
    }
    let catalogue = archive.catalogue();
    archive
        .labels()?
        .into_iter()
        .map(|release| {
            Ok(Known {
                label: release.to_string(),
                offered: catalogue.newest(release).cloned(),
                cached: store.newest(release)?,
            })
        })
        .collect()
}

/// The archive and the cache, as one command sees them: lists are fetched at most once.
struct Archive<'a> {
    store: &'a Store,
    global: &'a Global,
    progress: &'a dyn Progress,
    /// What came of fetching the lists, once that was tried.
    refreshed: Option<Result<()>>,
}

impl<'a> Archive<'a> {
    fn new(store: &'a Store, global: &'a Global, progress: &'a dyn Progress) -> Self {
        Self {
            store,
            global,
            progress,
            refreshed: None,
        }
    }

    /// What the archive had when it was last asked.
    fn catalogue(&self) -> Catalogue {
        self.store.catalogue().unwrap_or_default()
    }

    /// Cached or, as far as is known, to be had.
    fn labels(&self) -> Result<BTreeSet<Release>> {
        let mut labels: BTreeSet<Release> = self.catalogue().releases().collect();
        labels.extend(self.store.releases()?);
        Ok(labels)
    }

    /// Asks the archive what it has.
    fn refresh(&mut self) -> Result<()> {
        if let Some(outcome) = &self.refreshed {
            return outcome.clone();
        }
        let outcome = self.ask();
        interrupt::check()?;
        self.refreshed = Some(outcome.clone());
        outcome
    }

    fn ask(&self) -> Result<()> {
        let _lock = self.store.lock(self.progress)?;
        let apt = Apt::new(self.store.apt()?, self.global)?;
        self.progress
            .begin("Asking the Debian archive which kernels it has");
        let missed = apt.update()?;
        let catalogue = apt.catalogue()?;
        if catalogue.is_empty() {
            return Err(missed.unwrap_or_else(|| {
                Error::new(
                    "kernels-none-offered",
                    "the mirror that this machine's apt sources name has no kernel packages",
                )
            }));
        }
        self.store.save_catalogue(&catalogue)?;
        self.progress.end();
        if let Some(missed) = missed {
            human::tell(&warning(
                &missed,
                "some of Debian's suites are left as they were",
            ));
        }
        Ok(())
    }

    /// As [`Self::refresh`]; a failure is only a warning where something is cached.
    fn refresh_or_warn(&mut self) -> Result<()> {
        let first = self.refreshed.is_none();
        let Err(error) = self.refresh() else {
            return Ok(());
        };
        interrupt::check()?;
        if self.store.releases()?.is_empty() {
            return Err(error);
        }
        if first {
            human::tell(&warning(
                &error,
                "the Debian archive cannot be asked: only what is cached is used",
            ));
        }
        Ok(())
    }

    /// What `all` means: each that can be had or is cached.
    fn all(&mut self) -> Result<BTreeSet<Release>> {
        if self.catalogue().is_empty() {
            self.refresh_or_warn()?;
        }
        // Of those that would have to be fetched and cannot, one warning is enough.
        let labels = self.labels()?;
        let mut missing = false;
        for release in &labels {
            missing |= self.store.newest(*release)?.is_none();
        }
        if missing {
            self.refresh_or_warn()?;
            if matches!(self.refreshed, Some(Err(_))) {
                return self.store.releases();
            }
        }
        self.labels()
    }

    /// The cached image; fetched where there is none.
    fn image(&mut self, release: Release) -> Result<Image> {
        match self.store.newest(release)? {
            Some(image) => Ok(image),
            None => self.newest(release),
        }
    }

    /// The archive's newest; the cached one, with a warning, where that cannot be had.
    fn newest(&mut self, release: Release) -> Result<Image> {
        let cached = self.store.newest(release)?;
        let fetched = self.refresh().and_then(|()| self.get(release));
        interrupt::check()?;
        match (fetched, cached) {
            (Ok(image), _) => Ok(image),
            (Err(error), Some(cached)) => {
                let what = format!("Linux {} is used as it is in the cache", cached.version);
                human::tell(&warning(&error, &what));
                Ok(cached)
            }
            (Err(error), None) if error.code() == UNKNOWN => Err(error),
            (Err(error), None) => Err(self.out_of_reach(release, &error)),
        }
    }

    fn get(&self, release: Release) -> Result<Image> {
        let catalogue = self.catalogue();
        let offer = catalogue
            .newest(release)
            .ok_or_else(|| self.unknown(release))?;
        let _lock = self.store.lock(self.progress)?;
        // Another run may have fetched it while we waited.
        if let Some(image) = self.store.get(offer)? {
            return Ok(image);
        }
        let apt = Apt::new(self.store.apt()?, self.global)?;
        self.progress.begin(&format!(
            "Fetching Linux {} ({}, {})",
            offer.version,
            offer.package,
            indicatif::HumanBytes(offer.bytes)
        ));
        let folder = self.store.workplace()?;
        let package = apt.download(offer, folder.path())?;
        let image = self.store.put(offer, &package, folder)?;
        self.progress.end();
        Ok(image)
    }

    fn unknown(&self, release: Release) -> Error {
        Error::new(UNKNOWN, format!("there is no Linux {release} to be had"))
            .because(format!(
                "the Debian archive and the cache have {}",
                self.names()
            ))
            .fix("choose one of these, or give the path of a kernel image")
    }

    fn out_of_reach(&self, release: Release, cause: &Error) -> Error {
        let finding = cause.finding();
        let cached = self.names();
        let error = Error::new(
            finding.code.clone(),
            format!("Linux {release} is not cached and cannot be fetched"),
        )
        .because(in_one_line(finding));
        let mut fix = finding.fix.clone().unwrap_or_else(|| {
            format!("connect this machine to the network, then run: cargo ebpf kernels --fetch {release}")
        });
        if !cached.is_empty() {
            fix += &format!("\nor use what is cached: {cached}");
        }
        error.fix(fix)
    }

    fn names(&self) -> String {
        let labels = self.labels().unwrap_or_default();
        let names: Vec<String> = labels.iter().map(Release::to_string).collect();
        names.join(", ")
    }
}

impl Drop for Archive<'_> {
    fn drop(&mut self) {
        if self.refreshed.is_some() {
            self.store.forget_apts_cache();
        }
    }
}

/// Code of the error for a version that nobody has.
const UNKNOWN: &str = "kernel-unknown";

fn warning(error: &Error, what: &str) -> Finding {
    Finding::warning("kernels-offline", what).because(in_one_line(error.finding()))
}

fn in_one_line(finding: &Finding) -> String {
    match &finding.cause {
        Some(cause) => format!("{}: {cause}", finding.message),
        None => finding.message.clone(),
    }
}
