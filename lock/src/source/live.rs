//! A recording that is under way: snapshots from the maps of running programs.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
    time::{Duration, Instant},
};

use aya::maps::{Map, MapError};
use lock_common::{Counter, Spins, ThreadIds, ThreadRef, ThreadSet, WaitKind};

use crate::{
    clock::{monotonic_ns, unix_ms},
    error::{Error, Result},
    probe::{
        attach::{Attached, Run},
        batch::{self, unreadable},
        load::{self, Loaded, map, strange_object},
        object,
        plan::{Filters, Plan},
        requirements::{self, Kernel},
        statistics::Timer,
    },
    profile::{
        lock_type::LockType,
        snapshot::{EventAccounting, Hook, Metadata, OpenWait, Scope, Snapshot, StackId, Waits},
        snapshot_builder::{SnapshotBuilder, keep_longest},
    },
    source::{
        blocked::{self, BlockedThread},
        cost::own_cpu,
        counts::Counts,
        frame_steps::FrameSteps,
        process_memory,
        reader::Reader,
        samples::SampleDecoder,
        stacks::{KernelStacks, intern},
        totals::{LockKey, TotalsMaps, TotalsReader},
    },
    symbol::{UserStack, process_info},
};

/// How often samples are to be taken in.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Of how many open waits the stack is taken from `/proc` at the most, at each end.
const LOOKED_AT: usize = 256;

/// Programs that are recording, and all that is known of what they recorded.
pub(crate) struct Live {
    attached: Attached,
    cpus: usize,
    metadata: Metadata,
    notes: Vec<String>,
    reader: Reader,
    samples: SampleDecoder,
    totals: TotalsReader,
    counts: Counts,
    missed: Vec<u64>,
    timer: Timer,
    own_cpu: Duration,
    /// Threads that waited when recording began, and where.
    blocked: Vec<(BlockedThread, UserStack)>,
    /// When that was (CLOCK_MONOTONIC, nanoseconds).
    began_ns: u64,
    /// How many stacks of waits were taken from `/proc`.
    looked_at: usize,
    /// What the interval that is under way has so far.
    builder: SnapshotBuilder,
    since_ns: u64,
    since_unix_ms: u64,
}

/// Checks all that recording needs, and that the plan fits this machine.
pub(crate) fn prepare(plan: &Plan) -> Result<(&'static [u8], Kernel)> {
    let object = object::embedded()?;
    if plan.scope != Scope::System {
        requirements::check_pid_namespace()?;
    }
    if let Scope::Process { pid } = plan.scope {
        requirements::check_process(pid)?;
    }
    Ok((object, requirements::check()?))
}

impl Live {
    /// Loads the programs and begins recording.
    pub(crate) fn start(object: &[u8], kernel: &Kernel, plan: &Plan) -> Result<Self> {
        Self::begin(load::load(object, kernel, plan)?, kernel, plan)
    }

    /// Begins recording with programs that were loaded for this plan.
    pub(crate) fn begin(loaded: Loaded, kernel: &Kernel, plan: &Plan) -> Result<Self> {
        let mut attached = loaded.attach()?;
        let stacks = KernelStacks::new(take(&mut attached, map::STACKS)?);
        let frame_steps = FrameSteps::new(take(&mut attached, map::FRAME_STEPS)?);
        let events = take(&mut attached, map::EVENTS)?;
        let reader = Reader::start(events, plan.limits.buffer as usize, frame_steps)?;
        let cpus = aya::util::nr_cpus().map_err(|error| no_cpus(&error))?;
        let min_wait = plan.filters.min_wait.as_nanos();
        let mut samples = SampleDecoder::new(stacks, u64::try_from(min_wait).unwrap_or(u64::MAX));
        let metadata = Metadata {
            lock_version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: kernel.release.clone(),
            cpus: cpus as u32,
            scope: plan.scope.clone(),
            filters: plan.filters.words(),
            own_included: plan.scope == Scope::System && !requirements::in_initial_pid_namespace(),
            exact: plan.exact,
            blind_spots: kernel.blind_spots(),
        };
        let online = aya::util::online_cpus().map_err(|error| no_cpus(&error))?;
        let mut notes = kernel.notes();
        if let Err(error) = samples.symbols.follow_mappings(&online) {
            notes.push(format!(
                "functions of short-lived programs may have no names: mappings are not reported \
                 (perf_event_open: {error})"
            ));
        }
        if let Scope::Process { pid } = plan.scope {
            samples.symbols.prepare(pid);
        }
        let timer = Timer::start(&attached);
        let since_ns = attached.since_ns;
        let blocked = blocked_before(plan)
            .into_iter()
            .map(|blocked| {
                let stack = samples.blocked_stack(&blocked);
                (blocked, stack)
            })
            .collect();
        Ok(Self {
            missed: vec![0; attached.hooks().count()],
            cpus,
            metadata,
            notes,
            reader,
            samples,
            totals: TotalsReader::default(),
            counts: Counts::zero(),
            timer,
            own_cpu: own_cpu(),
            blocked,
            began_ns: since_ns,
            looked_at: 0,
            builder: SnapshotBuilder::default(),
            since_ns,
            since_unix_ms: unix_ms(),
            attached,
        })
    }

    /// To be called each [`TICK`]: takes the samples that have come.
    pub(crate) fn tick(&mut self) {
        self.timer.tick(&self.attached);
        for (pid, name) in self.samples.symbols.update_mappings() {
            self.samples.threads.name_process(pid, name);
        }
        // Whoever calls has other things to look at, too.
        let until = Instant::now() + TICK;
        while Instant::now() < until
            && let Some((event, stack)) = self.reader.next()
        {
            self.samples.take(&mut self.builder, &event, &stack);
        }
    }

    /// The interval since the last call.
    pub(crate) fn interval(&mut self) -> Result<Snapshot> {
        self.snapshot(monotonic_ns(), false)
    }

    /// Ends recording: the last interval.
    pub(crate) fn finish(mut self) -> Result<Snapshot> {
        let hooks = self.hooks(monotonic_ns());
        self.attached.detach();
        let until_ns = monotonic_ns();
        let mut snapshot = self.snapshot(until_ns, true)?;
        snapshot.hooks = hooks;
        Ok(snapshot)
    }

    fn snapshot(&mut self, until_ns: u64, last: bool) -> Result<Snapshot> {
        let Self {
            reader,
            samples,
            builder,
            ..
        } = self;
        reader.drain(|(event, stack)| samples.take(builder, &event, &stack));
        samples.add_all_pieces(builder);
        let hooks = self.hooks(until_ns);
        let mut counts = Counts::read(self.fd(map::COUNTS)?, self.cpus)?;
        let spins = self.spins()?;
        counts.add(
            Counter::KernelBegins,
            spins.iter().map(|spins| spins.begins).sum(),
        );
        let mut accounting = counts.since(&self.counts).accounting();
        self.counts = counts;
        let maps = TotalsMaps {
            by_key: [
                (self.fd(map::LOCK_TOTALS)?, map::LOCK_TOTALS),
                (self.fd(map::OTHER_TOTALS)?, map::OTHER_TOTALS),
            ],
            fast: (self.fd(map::FAST_TOTALS)?, map::FAST_TOTALS),
        };
        let unseen = self.samples.take_unseen();
        accounting.user.unseen_ends = unseen.len() as u64;
        for (key, waits) in self
            .totals
            .advance(&maps, self.cpus)?
            .into_iter()
            .chain(unseen)
        {
            count_ended(&mut accounting, key, &waits);
            let lock = self.samples.lock_id(&mut self.builder, key);
            self.builder.add_waits(lock, &waits);
        }
        if last {
            self.add_open(&mut accounting, &spins, until_ns)?;
        }
        let seen = self.samples.take_counts();
        accounting.samples.used = seen.used;
        accounting.samples.user_stacks = seen.user_stacks;
        accounting.samples.user_stacks_cut = seen.user_stacks_cut;

        let mut snapshot = std::mem::take(&mut self.builder).finish();
        keep_longest(&mut snapshot.longest);
        snapshot.started_unix_ms = self.since_unix_ms;
        snapshot.started_ns = self.since_ns;
        snapshot.duration_ns = until_ns.saturating_sub(self.since_ns);
        snapshot.metadata = self.metadata.clone();
        snapshot.hooks = hooks;
        let own = own_cpu().saturating_add(self.samples.symbols.readers_cpu());
        let since = own.saturating_sub(self.own_cpu);
        snapshot.own_cpu_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        snapshot.accounting = accounting;
        snapshot.notes.clone_from(&self.notes);
        snapshot.notes.extend(self.samples.symbols.notes(last));
        snapshot.notes.extend(self.timer.note());
        if last {
            snapshot.notes.extend(process_memory::note());
        }
        self.own_cpu = own;
        self.since_ns = until_ns;
        self.since_unix_ms = unix_ms();
        Ok(snapshot)
    }

    fn hooks(&mut self, until_ns: u64) -> Vec<Hook> {
        let interval = Duration::from_nanos(until_ns.saturating_sub(self.since_ns));
        let (timed, share) = self.timer.take(&self.attached, interval);
        let missed = self.attached.recursion_misses();
        let hooks = self
            .attached
            .hooks()
            .zip(&timed)
            .zip(missed.iter().zip(&self.missed))
            .map(
                |(((kind, name), &Run { count, ns }), (missed, before))| Hook {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    missed: missed.saturating_sub(*before),
                    timed_runs: count,
                    timed_ns: ns,
                    cost_ns: if share > 0.0 {
                        (ns as f64 / share) as u64
                    } else {
                        0
                    },
                },
            )
            .collect();
        self.missed = missed;
        hooks
    }

    /// What each CPU spins for.
    fn spins(&self) -> Result<Vec<Spins>> {
        let mut spins = Vec::new();
        let map = self.fd(map::CPU_SPINS)?;
        batch::for_each(map, self.cpus, |_: &u32, values: &[Spins]| {
            spins.extend(values.iter().copied());
        })
        .map_err(|error| unreadable(map::CPU_SPINS, &error))?;
        Ok(spins)
    }

    fn add_open(
        &mut self,
        accounting: &mut EventAccounting,
        spins: &[Spins],
        until_ns: u64,
    ) -> Result<()> {
        let mut open: Vec<Open> = Vec::new();
        let mut tids = HashMap::new();
        batch::for_each(self.fd(map::TIDS)?, 1, |&set: &u32, ids: &[ThreadIds]| {
            tids.extend(ids.first().map(|ids| (set, ids.tids)));
        })
        .map_err(|error| unreadable(map::TIDS, &error))?;
        let mut threads = Vec::new();
        batch::for_each(
            self.fd(map::THREADS)?,
            1,
            |set: &u32, sets: &[ThreadSet]| {
                if let (Some(tids), [set]) = (tids.get(set), sets) {
                    threads.extend(tids.iter().copied().zip(set.waits));
                }
            },
        )
        .map_err(|error| unreadable(map::THREADS, &error))?;
        for (tid, waits) in threads {
            if tid == 0 {
                continue;
            }
            let tgid = blocked::thread_group(tid).unwrap_or(tid);
            let block = waits.block;
            if block.start_ns != 0 {
                accounting.user.open += 1;
                let key = LockKey {
                    address: block.address,
                    tgid: block.tgid,
                    kind: block.kind,
                };
                let stack = self.samples.open_stack(block.sample, block.address);
                let mut wait = self.open_user_wait(key, tid, block.start_ns, stack);
                wait.has_timeout = block.has_timeout != 0;
                open.push(wait);
            }
            for sleep in waits.sleeps.iter().filter(|sleep| sleep.lock != 0) {
                accounting.kernel.open += 1;
                let key = LockKey {
                    address: sleep.lock,
                    tgid: 0,
                    kind: WaitKind::kernel(sleep.flags),
                };
                let stack = self
                    .samples
                    .open_kernel_stack(&mut self.builder, sleep.stack);
                open.push(Open::of_kernel(key, tgid, tid, sleep.start_ns, stack));
            }
        }
        for (&lock, spin) in spins
            .iter()
            .flat_map(|spins| spins.locks.iter().zip(&spins.spins))
        {
            if lock == 0 {
                continue;
            }
            accounting.kernel.open += 1;
            let key = LockKey {
                address: lock,
                tgid: 0,
                kind: WaitKind::kernel(spin.flags),
            };
            let stack = self
                .samples
                .open_kernel_stack(&mut self.builder, spin.stack);
            let tgid = blocked::thread_group(spin.tid).unwrap_or(spin.tid);
            open.push(Open::of_kernel(key, tgid, spin.tid, spin.start_ns, stack));
        }
        for (blocked, stack) in std::mem::take(&mut self.blocked) {
            let has_waited_again = open.iter().any(|open| open.tid == blocked.tid);
            if !has_waited_again && blocked.is_still_blocked() {
                let mut wait =
                    self.open_user_wait(blocked.key, blocked.tid, self.began_ns, Some(stack));
                wait.at_least = true;
                wait.has_timeout = blocked.has_timeout;
                open.push(wait);
            }
        }
        for open in open {
            let lock = self.samples.lock_id(&mut self.builder, open.key);
            let threads = &mut self.samples.threads;
            let thread = threads.thread_id(&mut self.builder, open.tgid, open.tid);
            let holder = open
                .holder
                .map(|holder| threads.thread_id(&mut self.builder, holder.tgid(), holder.tid()));
            self.builder.snapshot_mut().open.push(OpenWait {
                lock,
                stack: open.stack,
                thread,
                waited_ns: until_ns.saturating_sub(open.start_ns),
                at_least: open.at_least,
                has_timeout: open.has_timeout,
                holder,
            });
        }
        Ok(())
    }

    /// A wait for a user lock that is open, with what `/proc` shows of it: its stack, if it was
    /// not sampled, and who has the lock.
    fn open_user_wait(
        &mut self,
        key: LockKey,
        tid: u32,
        start_ns: u64,
        stack: Option<UserStack>,
    ) -> Open {
        let blocked = BlockedThread::read(key.tgid, tid).filter(|blocked| blocked.key == key);
        let stack = match (stack, &blocked) {
            (None, Some(blocked)) if self.looked_at < LOOKED_AT => {
                self.looked_at += 1;
                Some(self.samples.blocked_stack(blocked))
            }
            (stack, _) => stack,
        };
        let holder = blocked.and_then(|blocked| blocked.owner(stack.as_ref()));
        Open {
            key,
            tgid: key.tgid,
            tid,
            start_ns,
            stack: stack.map(|stack| intern(&mut self.builder, None, Some(&stack), false)),
            at_least: false,
            has_timeout: false,
            holder,
        }
    }

    fn fd(&self, name: &str) -> Result<RawFd> {
        let map = self
            .attached
            .ebpf
            .map(name)
            .ok_or_else(|| strange_object(&format!("it has no map {name}")))?;
        let data = match map {
            Map::Array(data)
            | Map::PerCpuArray(data)
            | Map::HashMap(data)
            | Map::PerCpuHashMap(data) => data,
            _ => {
                return Err(strange_object(&format!(
                    "its map {name} is of another type"
                )));
            }
        };
        Ok(data.fd().as_fd().as_raw_fd())
    }
}

fn no_cpus((path, error): &(&str, io::Error)) -> Error {
    Error::new("no-cpus", format!("{path} could not be read")).because_of(error)
}

/// Adds what ended to an accounting.
fn count_ended(accounting: &mut EventAccounting, key: LockKey, waits: &Waits) {
    let events = if key.is_user() {
        &mut accounting.user
    } else {
        &mut accounting.kernel
    };
    let ended = waits.count.saturating_add(waits.failed());
    events.ended += ended;
    if key.address == 0 {
        events.other += ended;
    }
}

/// A wait that is open at the end.
struct Open {
    key: LockKey,
    tgid: u32,
    tid: u32,
    start_ns: u64,
    stack: Option<StackId>,
    at_least: bool,
    has_timeout: bool,
    holder: Option<ThreadRef>,
}

impl Open {
    const fn of_kernel(
        key: LockKey,
        tgid: u32,
        tid: u32,
        start_ns: u64,
        stack: Option<StackId>,
    ) -> Self {
        Self {
            key,
            tgid,
            tid,
            start_ns,
            stack,
            at_least: false,
            has_timeout: false,
            holder: None,
        }
    }
}

/// Threads of the process to be recorded that wait already, as far as the filters let them
/// through.
fn blocked_before(plan: &Plan) -> Vec<BlockedThread> {
    let Scope::Process { pid } = plan.scope else {
        return Vec::new();
    };
    let mut threads = blocked::threads_of(pid);
    threads.retain(|blocked| plan.filters.lets_blocked_through(pid, blocked));
    threads.truncate(LOOKED_AT);
    threads
}

impl Filters {
    fn lets_blocked_through(&self, pid: u32, blocked: &BlockedThread) -> bool {
        let comm = || process_info::comm(pid, blocked.tid).unwrap_or_default();
        let is_user = |lock_type: &LockType| matches!(lock_type, LockType::User(_));
        (self.tids.is_empty() || self.tids.contains(&blocked.tid))
            && (self.comms.is_empty() || self.comms.contains(&comm()))
            && (self.types.is_empty() || self.types.iter().any(is_user))
            && (self.addresses.is_empty() || self.addresses.contains(&blocked.key.address))
            // The CPU of their wait is not known.
            && self.cpus.is_empty()
    }
}

/// A map taken out of the object, as its type.
fn take<M: TryFrom<Map, Error = MapError>>(attached: &mut Attached, name: &str) -> Result<M> {
    let map = attached
        .ebpf
        .take_map(name)
        .ok_or_else(|| strange_object(&format!("it has no map {name}")))?;
    M::try_from(map).map_err(|error| strange_object(&format!("its map {name}: {error}")))
}
