//! The waits of a snapshot, put into rows: by lock, by caller, by thread, and so on.
//!
//! Rows by lock are exact: sums of [`Waits`](super::snapshot::Waits). What only sampled
//! waits tell, as callers and threads, is estimated from [`Site`]s.

use std::collections::{BTreeMap, HashMap};

use crate::profile::{
    group::key::{Key, Keys},
    lock_type::LockType,
    metrics::{Metrics, Sort},
    snapshot::{Estimate, LockId, Site, Snapshot, StackId, Waits},
};

mod estimates;
mod key;

pub(crate) use estimates::Estimates;

/// What a row is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// A lock; nameless kernel locks by the function that waits for them.
    #[default]
    Lock,
    /// A lock, each by its address.
    Address,
    /// A function that waits for locks of a type.
    Caller,
    /// A stack that waits for locks of a type.
    Stack,
    /// A thread that waits.
    Thread,
    /// A process that waits.
    Process,
    /// A type of locks.
    Type,
    /// A cgroup that waits.
    Cgroup,
    /// A waiter and the holder that it waited for.
    Holder,
}

impl By {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Lock,
        Self::Address,
        Self::Caller,
        Self::Stack,
        Self::Thread,
        Self::Process,
        Self::Type,
        Self::Cgroup,
        Self::Holder,
    ];

    /// The name in options and documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Address => "address",
            Self::Caller => "caller",
            Self::Stack => "stack",
            Self::Thread => "thread",
            Self::Process => "process",
            Self::Type => "type",
            Self::Cgroup => "cgroup",
            Self::Holder => "holder",
        }
    }

    /// Whether every wait tells its row, not only those that were sampled.
    pub(crate) const fn is_exact(self) -> bool {
        matches!(self, Self::Lock | Self::Address | Self::Type)
    }
}

/// Which waits are put into rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Of locks of these types only. All if empty.
    pub(crate) types: Vec<LockType>,
    /// With a function that has this in its name in their stack, kernel or user. Case
    /// matters. Only samples tell it.
    pub(crate) stack: Option<String>,
    /// Rows that come to at least this time, in nanoseconds.
    pub(crate) min_total_ns: u64,
    /// Waits for work, too: condition variables, joins, parked threads.
    pub(crate) include_idle: bool,
}

impl Filter {
    /// Whether locks of this type are among the asked for, idle or not.
    fn has_type(&self, lock_type: LockType) -> bool {
        self.types.is_empty() || self.types.contains(&lock_type)
    }

    /// Whether waits for locks of this type are left out as idle. Who asks for a type by
    /// name gets it.
    fn hides(&self, lock_type: LockType) -> bool {
        lock_type.is_idle() && !self.include_idle && self.types.is_empty()
    }

    /// Whether it lets waits for locks of this type through.
    pub(crate) fn matches_type(&self, lock_type: LockType) -> bool {
        self.has_type(lock_type) && !self.hides(lock_type)
    }

    /// Whether it lets waits for a lock through, as far as its type decides.
    pub(crate) fn matches_lock(&self, snapshot: &Snapshot, lock: LockId) -> bool {
        let lock = snapshot.locks.get(lock.index());
        lock.is_some_and(|lock| self.matches_type(lock.lock_type))
    }

    /// Whether it lets sampled waits through.
    pub(crate) fn matches(&self, snapshot: &Snapshot, site: &Site) -> bool {
        self.matches_lock(snapshot, site.lock)
            && self
                .stack
                .as_ref()
                .is_none_or(|text| snapshot.stack_contains(site.stack, text))
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// What it is, in words. Has texts of programs in it as they are.
    pub(crate) label: String,
    /// The type of its locks, if it is one.
    pub(crate) lock_type: Option<LockType>,
    /// What its waits come to.
    pub(crate) metrics: Metrics,
    /// Its locks, in order.
    pub(crate) locks: Vec<LockId>,
    /// Its sampled waits: indices into [`Snapshot::sites`], in order.
    pub(crate) sites: Vec<usize>,
    /// Its stack, where rows are stacks.
    pub(crate) stack: Option<StackId>,
}

/// Waits of one type that are summed up outside of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdleTotal {
    /// The type.
    pub(crate) lock_type: LockType,
    /// How many waits.
    pub(crate) count: u64,
    /// Their time together, in nanoseconds.
    pub(crate) total_ns: u64,
}

/// Waits for locks of one type that ended without the lock. Exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The type.
    pub(crate) lock_type: LockType,
    /// Waits that timed out.
    pub(crate) timed_out: u64,
    /// Waits broken off by a signal.
    pub(crate) interrupted: u64,
    /// Waits that ended without the lock for a reason not known.
    pub(crate) unknown: u64,
    /// The time of all, in nanoseconds.
    pub(crate) total_ns: u64,
}

/// A snapshot's waits in rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grouped {
    /// What a row is.
    pub(crate) by: By,
    /// The rows, in the order of what they are; [`rank`] puts them into that of their
    /// values.
    pub(crate) rows: Vec<Row>,
    /// All rows together, with those below the filter's minimum.
    pub(crate) total: Metrics,
    /// Idle waits that were left out, by type. Exact.
    pub(crate) idle: Vec<IdleTotal>,
    /// Waits that ended without the lock, by type. Exact; a stack filter does not touch them.
    pub(crate) failed: Vec<Failed>,
}

impl Grouped {
    /// Whether rows that every wait would tell are estimated all the same, because the
    /// filter asks for what only samples tell.
    pub(crate) fn estimated_by_filter(&self) -> bool {
        self.by.is_exact() && matches!(self.total, Metrics::Estimated(_))
    }
}

/// Puts waits into rows.
pub(crate) fn group(snapshot: &Snapshot, by: By, filter: &Filter) -> Grouped {
    let sites = (0..snapshot.sites.len()).collect::<Vec<_>>();
    let exact = by.is_exact() && filter.stack.is_none();
    let estimates = (!exact).then(|| Estimates::of(snapshot, filter));
    let mut rows = RowBuilder::new(snapshot, by, estimates.as_ref());
    if exact {
        rows.add_locks(filter);
    }
    rows.add_sites(&sites, filter);
    rows.add_not_sampled();
    let mut rows = rows.finish();
    let total = match &estimates {
        Some(estimates) => Metrics::Estimated(estimates.total()),
        None => rows.iter().fold(nothing(true), |mut total, row| {
            total.add(&row.metrics);
            total
        }),
    };
    rows.retain(|row| row.metrics.total_ns() >= filter.min_total_ns);
    Grouped {
        by,
        rows,
        total,
        idle: idle(snapshot, filter),
        failed: failed(snapshot, filter),
    }
}

/// Puts some of the sampled waits, by their indices into [`Snapshot::sites`], into rows: a
/// row's own waits by something else. Always estimated.
pub(crate) fn group_sites(
    snapshot: &Snapshot,
    by: By,
    filter: &Filter,
    sites: &[usize],
) -> Vec<Row> {
    let estimates = Estimates::of(snapshot, filter);
    let mut rows = RowBuilder::new(snapshot, by, Some(&estimates));
    rows.add_sites(sites, filter);
    rows.finish()
}

/// What each lock is called in rows by lock.
pub(crate) fn lock_labels(snapshot: &Snapshot) -> HashMap<LockId, String> {
    let mut rows = RowBuilder::new(snapshot, By::Lock, None);
    for index in 0..snapshot.locks.len() {
        let id = LockId(index as u32);
        if let Some(key) = rows.keys.of_lock(id) {
            rows.row(key).locks.push(id);
        }
    }
    let rows = rows.finish();
    let labels = rows
        .iter()
        .flat_map(|row| row.locks.iter().map(|&lock| (lock, row.label.clone())));
    labels.collect()
}

/// Puts rows into order, the greatest first.
pub(crate) fn rank(rows: &mut [Row], sort: Sort) {
    rows.sort_by(|a, b| {
        sort.order(&a.metrics, &b.metrics)
            .then_with(|| a.label.cmp(&b.label))
            .then_with(|| a.lock_type.cmp(&b.lock_type))
            .then_with(|| a.stack.cmp(&b.stack))
    });
}

fn nothing(exact: bool) -> Metrics {
    if exact {
        Metrics::Exact(Waits::default())
    } else {
        Metrics::Estimated(Estimate::default())
    }
}

struct RowBuilder<'a> {
    snapshot: &'a Snapshot,
    keys: Keys<'a>,
    /// None where every wait tells its row.
    estimates: Option<&'a Estimates<'a>>,
    rows: BTreeMap<Key, Row>,
}

impl<'a> RowBuilder<'a> {
    fn new(snapshot: &'a Snapshot, by: By, estimates: Option<&'a Estimates<'a>>) -> Self {
        Self {
            snapshot,
            keys: Keys::new(snapshot, by),
            estimates,
            rows: BTreeMap::new(),
        }
    }

    const fn is_exact(&self) -> bool {
        self.estimates.is_none()
    }

    fn row(&mut self, key: Key) -> &mut Row {
        let exact = self.is_exact();
        self.rows.entry(key).or_insert_with_key(|key| Row {
            label: String::new(),
            lock_type: key.lock_type(),
            metrics: nothing(exact),
            locks: Vec::new(),
            sites: Vec::new(),
            stack: key.stack(),
        })
    }

    fn add_locks(&mut self, filter: &Filter) {
        for (index, lock) in self.snapshot.locks.iter().enumerate() {
            let waits = lock.ranked();
            if waits.count.saturating_add(waits.pieces) == 0 || !filter.matches_type(lock.lock_type)
            {
                continue;
            }
            let id = LockId(index as u32);
            let Some(key) = self.keys.of_lock(id) else {
                continue;
            };
            let row = self.row(key);
            row.locks.push(id);
            row.metrics.add(&Metrics::Exact(waits.into_owned()));
        }
    }

    fn add_sites(&mut self, sites: &[usize], filter: &Filter) {
        for &index in sites {
            let Some(site) = self.snapshot.sites.get(index) else {
                continue;
            };
            if !filter.matches(self.snapshot, site) {
                continue;
            }
            let Some(key) = self.keys.of_site(site) else {
                continue;
            };
            // A lock whose waits are all in the snapshot's next interval has no row here.
            if self.is_exact() && !self.rows.contains_key(&key) {
                continue;
            }
            let exact = self.is_exact();
            let row = self.row(key);
            row.sites.push(index);
            if !exact {
                row.locks.push(site.lock);
            }
        }
    }

    /// Adds the waits that no sample stands for: nobody knows who waited, but they are not
    /// forgotten.
    fn add_not_sampled(&mut self) {
        for (id, waits) in self.estimates.into_iter().flat_map(Estimates::not_sampled) {
            let Some(lock) = self.snapshot.locks.get(id.index()) else {
                continue;
            };
            let key = self.keys.not_sampled(lock.lock_type);
            let row = self.row(key);
            row.locks.push(id);
            row.metrics.add(&Metrics::Estimated(waits));
        }
    }

    fn finish(self) -> Vec<Row> {
        let Self {
            snapshot,
            keys,
            estimates,
            rows,
        } = self;
        rows.into_iter()
            .map(|(key, mut row)| {
                row.locks.sort_unstable();
                row.locks.dedup();
                if let Some(estimates) = estimates {
                    let estimate = estimates.of_sites(&row.sites);
                    row.metrics.add(&Metrics::Estimated(estimate));
                }
                row.label = keys.label(&key, snapshot, &row);
                row
            })
            .collect()
    }
}

fn idle(snapshot: &Snapshot, filter: &Filter) -> Vec<IdleTotal> {
    let mut sums = BTreeMap::<LockType, IdleTotal>::new();
    for lock in &snapshot.locks {
        if lock.waits.count > 0 && filter.hides(lock.lock_type) {
            let sum = sums.entry(lock.lock_type).or_insert(IdleTotal {
                lock_type: lock.lock_type,
                count: 0,
                total_ns: 0,
            });
            sum.count = sum.count.saturating_add(lock.waits.count);
            sum.total_ns = sum.total_ns.saturating_add(lock.waits.total_ns);
        }
    }
    sums.into_values().collect()
}

fn failed(snapshot: &Snapshot, filter: &Filter) -> Vec<Failed> {
    let mut sums = BTreeMap::<LockType, Waits>::new();
    for lock in &snapshot.locks {
        // A condition variable's time limit is no lock that was not had.
        let waits = lock.ranked();
        if waits.failed() > 0 && filter.matches_type(lock.lock_type) {
            sums.entry(lock.lock_type).or_default().add(&waits);
        }
    }
    sums.into_iter()
        .map(|(lock_type, waits)| Failed {
            lock_type,
            timed_out: waits.timed_out,
            interrupted: waits.interrupted,
            unknown: waits.not_acquired,
            total_ns: waits.not_acquired_ns,
        })
        .collect()
}

#[cfg(test)]
mod tests;
