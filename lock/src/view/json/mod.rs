//! The report for programs: one versioned document with the whole recording, and with the
//! rows that were asked for. `docs/lock-report.schema.json` describes it.

use serde::Serialize;

use crate::{
    error::Result,
    profile::{
        calibration::Calibration,
        group::{Grouped, group, lock_labels, rank},
        snapshot::{EventAccounting, Events, Hook, Metadata, Process, Scope, Snapshot},
    },
    view::{Options, document::document},
};

mod metrics;
mod tables;

use metrics::{Failed, Numbers};
use tables::{Chain, Frame, Lock, OpenWait, SampledWait, Site, Stack, Thread};

/// Version of the document. It changes when a key goes or changes its meaning.
const SCHEMA: u32 = 2;

/// Writes the document.
pub(super) fn report(snapshot: &Snapshot, options: &Options) -> Result<String> {
    let mut grouped = group(snapshot, options.by, &options.filter);
    rank(&mut grouped.rows, options.sort);
    let labels = lock_labels(snapshot);
    let calibration = Calibration::of(snapshot);
    let each_lock = (0_u32..).zip(&snapshot.locks);
    document(&Document {
        schema: SCHEMA,
        started_unix_ms: snapshot.started_unix_ms,
        started_ns: snapshot.started_ns,
        duration_ns: snapshot.duration_ns,
        about: MetadataOf::from(&snapshot.metadata),
        account: AccountingOf::from(&snapshot.accounting),
        ranking: Ranking::new(&grouped, options),
        locks: each_lock
            .map(|(id, lock)| Lock::new(id, lock, &labels))
            .collect(),
        sites: (0_usize..)
            .zip(&snapshot.sites)
            .map(|(index, site)| Site::new(site, &calibration.site(index)))
            .collect(),
        chains: snapshot.chains.iter().map(Chain::from).collect(),
        longest: snapshot.longest.iter().map(SampledWait::from).collect(),
        open: snapshot.open.iter().map(OpenWait::from).collect(),
        deadlocks: snapshot.deadlocks(),
        threads: snapshot.threads.iter().map(Thread::from).collect(),
        processes: snapshot.processes.iter().map(ProcessOf::from).collect(),
        stacks: snapshot.stacks.iter().map(Stack::from).collect(),
        frames: snapshot.frames.iter().map(Frame::from).collect(),
        hooks: snapshot.hooks.iter().map(HookOf::from).collect(),
        own_cpu_ns: snapshot.own_cpu_ns,
        notes: &snapshot.notes,
    })
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    started_unix_ms: u64,
    started_ns: u64,
    duration_ns: u64,
    about: MetadataOf<'a>,
    account: AccountingOf,
    ranking: Ranking<'a>,
    locks: Vec<Lock<'a>>,
    sites: Vec<Site>,
    chains: Vec<Chain>,
    longest: Vec<SampledWait>,
    open: Vec<OpenWait>,
    /// Indices into `open`.
    deadlocks: Vec<Vec<usize>>,
    threads: Vec<Thread<'a>>,
    processes: Vec<ProcessOf<'a>>,
    stacks: Vec<Stack>,
    frames: Vec<Frame<'a>>,
    hooks: Vec<HookOf<'a>>,
    own_cpu_ns: u64,
    notes: &'a [String],
}

#[derive(Serialize)]
struct MetadataOf<'a> {
    lock_version: &'a str,
    kernel: &'a str,
    cpus: u32,
    /// `system`, `process` or `command`.
    scope: &'static str,
    pid: Option<u32>,
    command: Option<&'a [String]>,
    filters: &'a [String],
    own_included: bool,
    exact: bool,
    blind_spots: &'a [String],
}

impl<'a> From<&'a Metadata> for MetadataOf<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        let (scope, pid, command) = match &metadata.scope {
            Scope::System => ("system", None, None),
            Scope::Process { pid } => ("process", Some(*pid), None),
            Scope::Command { command } => ("command", None, Some(command.as_slice())),
        };
        Self {
            lock_version: &metadata.lock_version,
            kernel: &metadata.kernel,
            cpus: metadata.cpus,
            scope,
            pid,
            command,
            filters: &metadata.filters,
            own_included: metadata.own_included,
            exact: metadata.exact,
            blind_spots: &metadata.blind_spots,
        }
    }
}

#[derive(Serialize)]
struct AccountingOf {
    holds: bool,
    kernel: EventsOf,
    user: EventsOf,
    samples: SamplesOf,
}

#[derive(Serialize)]
struct EventsOf {
    holds: bool,
    begins: u64,
    repeats: u64,
    ended: u64,
    unseen_ends: u64,
    filtered: u64,
    lost: LostOf,
    open: u64,
    ends_without_begin: u64,
    unmeasured: u64,
    nested: u64,
    other: u64,
}

#[derive(Serialize)]
struct LostOf {
    table_full: u64,
    nested: u64,
    end_not_seen: u64,
}

#[derive(Serialize)]
struct SamplesOf {
    taken: u64,
    used: u64,
    buffer_full: u64,
    stacks_full: u64,
    stack_unreadable: u64,
    user_stacks: u64,
    user_stacks_cut: u64,
}

impl From<&Events> for EventsOf {
    fn from(events: &Events) -> Self {
        Self {
            holds: events.holds(),
            begins: events.begins,
            repeats: events.repeats,
            ended: events.ended,
            unseen_ends: events.unseen_ends,
            filtered: events.filtered,
            lost: LostOf {
                table_full: events.lost.table_full,
                nested: events.lost.nested,
                end_not_seen: events.lost.end_not_seen,
            },
            open: events.open,
            ends_without_begin: events.ends_without_begin,
            unmeasured: events.unmeasured,
            nested: events.nested,
            other: events.other,
        }
    }
}

impl From<&EventAccounting> for AccountingOf {
    fn from(accounting: &EventAccounting) -> Self {
        let samples = &accounting.samples;
        Self {
            holds: accounting.holds(),
            kernel: EventsOf::from(&accounting.kernel),
            user: EventsOf::from(&accounting.user),
            samples: SamplesOf {
                taken: samples.taken,
                used: samples.used,
                buffer_full: samples.buffer_full,
                stacks_full: samples.stacks_full,
                stack_unreadable: samples.stack_unreadable,
                user_stacks: samples.user_stacks,
                user_stacks_cut: samples.user_stacks_cut,
            },
        }
    }
}

#[derive(Serialize)]
struct Ranking<'a> {
    by: &'static str,
    sort: &'static str,
    types: Vec<String>,
    stack: Option<&'a str>,
    include_idle: bool,
    total: Numbers,
    rows: Vec<RowOf<'a>>,
    rows_left_out: usize,
    idle: Vec<IdleOf>,
    not_acquired: Vec<Failed>,
}

#[derive(Serialize)]
struct RowOf<'a> {
    label: &'a str,
    #[serde(rename = "type")]
    lock_type: Option<String>,
    #[serde(flatten)]
    numbers: Numbers,
    locks: Vec<u32>,
    sites: &'a [usize],
    stack: Option<u32>,
}

#[derive(Serialize)]
struct IdleOf {
    #[serde(rename = "type")]
    lock_type: String,
    count: u64,
    total_ns: u64,
}

impl<'a> Ranking<'a> {
    fn new(grouped: &'a Grouped, options: &'a Options) -> Self {
        let shown = options.rows(usize::MAX).min(grouped.rows.len());
        let (rows, left_out) = grouped.rows.split_at(shown);
        let rows = rows.iter().map(|row| RowOf {
            label: &row.label,
            lock_type: row.lock_type.map(|it| it.to_string()),
            numbers: Numbers::from(&row.metrics),
            locks: row.locks.iter().map(|lock| lock.0).collect(),
            sites: &row.sites,
            stack: row.stack.map(|stack| stack.0),
        });
        let idle = grouped.idle.iter().map(|idle| IdleOf {
            lock_type: idle.lock_type.to_string(),
            count: idle.count,
            total_ns: idle.total_ns,
        });
        let filter = &options.filter;
        Self {
            by: options.by.name(),
            sort: options.sort.name(),
            types: filter.types.iter().map(ToString::to_string).collect(),
            stack: filter.stack.as_deref(),
            include_idle: filter.include_idle,
            total: Numbers::from(&grouped.total),
            rows: rows.collect(),
            rows_left_out: left_out.len(),
            idle: idle.collect(),
            not_acquired: grouped.failed.iter().map(Failed::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct ProcessOf<'a> {
    pid: u32,
    comm: &'a str,
    cgroup: &'a str,
}

impl<'a> From<&'a Process> for ProcessOf<'a> {
    fn from(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            comm: &process.comm,
            cgroup: &process.cgroup,
        }
    }
}

#[derive(Serialize)]
struct HookOf<'a> {
    kind: &'a str,
    name: &'a str,
    missed: u64,
    timed_runs: u64,
    timed_ns: u64,
    cost_ns: u64,
}

impl<'a> From<&'a Hook> for HookOf<'a> {
    fn from(hook: &'a Hook) -> Self {
        Self {
            kind: &hook.kind,
            name: &hook.name,
            missed: hook.missed,
            timed_runs: hook.timed_runs,
            timed_ns: hook.timed_ns,
            cost_ns: hook.cost_ns,
        }
    }
}

#[cfg(test)]
mod tests;
