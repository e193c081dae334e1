//! The archive and the cache together: when apt is asked, and what is done without it.

use std::collections::BTreeSet;

use ebpf_base::KernelVersion;
use ebpf_build::{Error, Finding, Result};

use super::{
    Choice, Image, Known, apt::Apt, bzimage, offer::Catalogue, spec::Wanted, store::Store,
};
use crate::{code::Code, host::process::Spawner, progress::Monitor};

/// The archive and the cache, as one command sees them: lists are fetched at most once.
pub(super) struct Archive<'a> {
    store: &'a Store,
    spawner: &'a Spawner,
    progress: &'a dyn Monitor,
    /// What came of fetching the lists, once that was tried.
    refreshed: Option<Result<()>>,
}

impl<'a> Archive<'a> {
    pub(super) fn new(store: &'a Store, spawner: &'a Spawner, progress: &'a dyn Monitor) -> Self {
        Self {
            store,
            spawner,
            progress,
            refreshed: None,
        }
    }

    /// Each kernel once, in the order in which they are named.
    pub(super) fn choose(&mut self, wanted: &[Wanted]) -> Result<Vec<Choice>> {
        let mut choices: Vec<Choice> = Vec::new();
        let mut add = |choice| {
            if !choices.contains(&choice) {
                choices.push(choice);
            }
        };
        for one in wanted {
            match one {
                Wanted::Host => add(Choice::Host),
                Wanted::Image(path) => add(Choice::Image(bzimage::open(path)?)),
                Wanted::Release(release) => add(Choice::Image(self.image(*release)?)),
                Wanted::All => {
                    for release in self.all()? {
                        add(Choice::Image(self.image(release)?));
                    }
                }
            }
        }
        Ok(choices)
    }

    /// Brings what `wanted` names up to date.
    pub(super) fn fetch(&mut self, wanted: &[Wanted]) -> Result<()> {
        for one in wanted {
            match one {
                // There already.
                Wanted::Host | Wanted::Image(_) => {}
                Wanted::Release(release) => {
                    self.newest(*release)?;
                }
                Wanted::All => {
                    if self.refresh_or_warn()? {
                        for release in self.labels()? {
                            self.newest(release)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything that is cached or can be had, oldest first.
    pub(super) fn list(&mut self) -> Result<Vec<Known>> {
        if !self.store.catalogue_is_recent() {
            self.refresh_or_warn()?;
        }
        let catalogue = self.catalogue();
        let known = |release: KernelVersion| {
            Ok(Known {
                label: release.to_string(),
                offered: catalogue.newest(release).cloned(),
                cached: self.store.newest(release)?,
            })
        };
        self.labels()?.into_iter().map(known).collect()
    }

    /// What the archive had when it was last asked.
    fn catalogue(&self) -> Catalogue {
        self.store.catalogue().unwrap_or_default()
    }

    /// Cached or, as far as is known, to be had.
    fn labels(&self) -> Result<BTreeSet<KernelVersion>> {
        let mut labels: BTreeSet<KernelVersion> = self.catalogue().releases().collect();
        labels.extend(self.store.releases()?);
        Ok(labels)
    }

    /// Asks the archive what it has.
    fn refresh(&mut self) -> Result<()> {
        if let Some(outcome) = &self.refreshed {
            return outcome.clone();
        }
        let outcome = self.ask();
        self.spawner.check_interrupted()?;
        self.refreshed = Some(outcome.clone());
        outcome
    }

    fn ask(&self) -> Result<()> {
        let _lock = self.store.lock(self.progress)?;
        let apt = Apt::new(self.store.apt()?, self.spawner)?;
        self.progress
            .begin("Asking the Debian archive which kernels it has");
        let missed = apt.update()?;
        let catalogue = apt.catalogue()?;
        if catalogue.is_empty() {
            return Err(missed.unwrap_or_else(|| {
                Error::new(
                    Code::KernelsNoneOffered,
                    "the mirror that this machine's apt sources name has no kernel packages",
                )
            }));
        }
        self.store.save_catalogue(&catalogue)?;
        self.progress.end();
        if let Some(missed) = missed {
            self.progress.warn(&warning(
                &missed,
                "some of Debian's suites are left as they were",
            ));
        }
        Ok(())
    }

    /// As [`Self::refresh`]; where something is cached, a failure is a warning, said once.
    /// Whether the archive could be asked.
    fn refresh_or_warn(&mut self) -> Result<bool> {
        let first = self.refreshed.is_none();
        let Err(error) = self.refresh() else {
            return Ok(true);
        };
        if self.store.releases()?.is_empty() {
            return Err(error);
        }
        if first {
            self.progress.warn(&warning(
                &error,
                "the Debian archive cannot be asked: what is cached is used as it is",
            ));
        }
        Ok(false)
    }

    /// What `all` means: each that can be had or is cached.
    fn all(&mut self) -> Result<BTreeSet<KernelVersion>> {
        let cached = self.store.releases()?;
        let labels = self.labels()?;
        // What is missing will have to be fetched, with lists of today.
        let complete = !self.catalogue().is_empty() && labels == cached;
        if complete || self.refresh_or_warn()? {
            self.labels()
        } else {
            Ok(cached)
        }
    }

    /// The cached image; fetched where there is none.
    fn image(&mut self, release: KernelVersion) -> Result<Image> {
        match self.store.newest(release)? {
            Some(image) => Ok(image),
            None => self.newest(release),
        }
    }

    /// The archive's newest; the cached one, with a warning, where that cannot be had.
    fn newest(&mut self, release: KernelVersion) -> Result<Image> {
        let Some(cached) = self.store.newest(release)? else {
            let fetched = self.refresh().and_then(|()| self.get(release));
            self.spawner.check_interrupted()?;
            return fetched.map_err(|error| self.out_of_reach(release, error));
        };
        if !self.refresh_or_warn()? {
            return Ok(cached);
        }
        self.get(release).or_else(|error| {
            self.spawner.check_interrupted()?;
            let what = format!("Linux {} is used as it is in the cache", cached.version);
            self.progress.warn(&warning(&error, &what));
            Ok(cached)
        })
    }

    fn get(&self, release: KernelVersion) -> Result<Image> {
        let catalogue = self.catalogue();
        let offer = catalogue
            .newest(release)
            .ok_or_else(|| self.unknown(release))?;
        let _lock = self.store.lock(self.progress)?;
        // Another run may have fetched it while we waited.
        if let Some(image) = self.store.get(offer)? {
            return Ok(image);
        }
        let apt = Apt::new(self.store.apt()?, self.spawner)?;
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

    fn unknown(&self, release: KernelVersion) -> Error {
        Error::new(UNKNOWN, format!("there is no Linux {release} to be had"))
            .because(format!(
                "the Debian archive and the cache have {}",
                names(&self.labels().unwrap_or_default())
            ))
            .fix("choose one of these, or give the path of a kernel image")
    }

    fn out_of_reach(&self, release: KernelVersion, cause: Error) -> Error {
        if cause.code() == UNKNOWN.as_str() {
            return cause;
        }
        let finding = cause.finding();
        let cached = names(&self.store.releases().unwrap_or_default());
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
}

impl Drop for Archive<'_> {
    fn drop(&mut self) {
        if self.refreshed.is_some() {
            self.store.forget_apts_cache();
        }
    }
}

/// Code of the error for a version that nobody has.
const UNKNOWN: Code = Code::KernelUnknown;

fn names(releases: &BTreeSet<KernelVersion>) -> String {
    let names: Vec<String> = releases.iter().map(KernelVersion::to_string).collect();
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
