//! What a filter lets through of waits that are known by samples only.

use crate::profile::{
    calibration::Calibration,
    group::Filter,
    snapshot::{Estimate, LockId, Site, Snapshot},
};

/// Sites that a filter lets through, scaled to the counted waits, and the waits without a sample.
#[derive(Debug)]
pub(crate) struct Estimates<'a> {
    snapshot: &'a Snapshot,
    filter: &'a Filter,
    calibration: Calibration,
}

impl<'a> Estimates<'a> {
    /// Those of a snapshot.
    pub(crate) fn of(snapshot: &'a Snapshot, filter: &'a Filter) -> Self {
        Self {
            snapshot,
            filter,
            calibration: Calibration::of(snapshot),
        }
    }

    /// Each site, with what its samples stand for.
    pub(crate) fn sites(&self) -> impl Iterator<Item = (&'a Site, Estimate)> {
        let sites = self.indices();
        sites.map(|(index, site)| (site, self.calibration.site(index)))
    }

    /// What the samples of some sites stand for, by their indices into [`Snapshot::sites`].
    pub(super) fn of_sites(&self, sites: &[usize]) -> Estimate {
        self.calibration.estimate(sites.iter().copied())
    }

    /// Locks whose waits no sample stands for, and what was counted of them. None of these waits
    /// has a stack, so a filter by stack lets none through.
    pub(crate) fn not_sampled(&self) -> impl Iterator<Item = (LockId, Estimate)> {
        let counted = self.calibration.not_sampled().iter().copied();
        counted.filter(|(lock, _)| {
            self.filter.stack.is_none() && self.filter.matches_lock(self.snapshot, *lock)
        })
    }

    /// All together.
    pub(crate) fn total(&self) -> Estimate {
        let sites = self.indices().map(|(index, _)| index);
        let mut total = self
            .calibration
            .total_of(sites, self.filter.stack.is_none());
        for (_, waits) in self.not_sampled() {
            total.add(&waits);
        }
        total
    }

    fn indices(&self) -> impl Iterator<Item = (usize, &'a Site)> {
        let sites = self.snapshot.sites.iter().enumerate();
        sites.filter(|(_, site)| self.filter.matches(self.snapshot, site))
    }
}
