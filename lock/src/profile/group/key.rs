//! Which row a wait belongs to, and what that row is called.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::profile::{
    futex_role::FutexRole,
    group::{By, Row},
    label::or_no_name,
    lock_type::LockType,
    snapshot::{Identity, Lock, LockId, ProcessId, Site, Snapshot, StackId, ThreadId},
};

/// What the waits of a row have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A type.
    Type(LockType),
    /// Kernel locks of one name: `mmap_lock` is in every process.
    Named(LockType, String),
    /// Nameless kernel locks that one function mostly waits for.
    In(LockType, String),
    /// Nameless kernel locks with no wait sampled, or, where only samples tell the row, all
    /// locks of a type without a sample.
    NotSampled(Option<LockType>),
    /// A process's only lock of this name, whatever words it has.
    OfProcess(LockType, String, ProcessId),
    /// Locks of which only the waiters' own words are known, by the process's name, the
    /// lock's and the function that mostly waits on the word.
    Waiters(LockType, String, Option<String>, String),
    /// One lock.
    Lock(LockType, Identity),
    /// A function that waits.
    Caller(LockType, String),
    /// A stack that waits.
    Stack(LockType, StackId),
    /// A thread.
    Thread(ThreadId),
    /// A process.
    Process(Option<ProcessId>),
    /// A cgroup.
    Cgroup(String),
    /// Who waits, and who had the lock if that is known.
    Pair(LockType, Party, Option<Party>),
}

/// Threads of one name in one function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Party {
    comm: String,
    caller: Option<String>,
}

impl Key {
    pub(super) const fn lock_type(&self) -> Option<LockType> {
        match self {
            Self::Type(lock_type)
            | Self::Named(lock_type, _)
            | Self::In(lock_type, _)
            | Self::OfProcess(lock_type, ..)
            | Self::Waiters(lock_type, ..)
            | Self::Lock(lock_type, _)
            | Self::Caller(lock_type, _)
            | Self::Stack(lock_type, _)
            | Self::Pair(lock_type, ..) => Some(*lock_type),
            Self::NotSampled(lock_type) => *lock_type,
            Self::Thread(_) | Self::Process(_) | Self::Cgroup(_) => None,
        }
    }

    pub(super) const fn stack(&self) -> Option<StackId> {
        match self {
            Self::Stack(_, stack) => Some(*stack),
            _ => None,
        }
    }
}

/// Knows the row of every wait.
pub(super) struct Keys<'a> {
    snapshot: &'a Snapshot,
    by: By,
    /// Lock -> the function that waited longest for it.
    callers: HashMap<LockId, Dominant>,
}

/// Who waited longest for a lock.
struct Dominant {
    caller: String,
    /// The name of a process that waits.
    process: String,
}

impl<'a> Keys<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, by: By) -> Self {
        let callers = match by {
            By::Lock | By::Address => dominant_callers(snapshot),
            _ => HashMap::new(),
        };
        Self {
            snapshot,
            by,
            callers,
        }
    }

    /// The row of all waits for a lock. None where waits for one lock can be in many.
    pub(super) fn of_lock(&self, id: LockId) -> Option<Key> {
        let lock = self.snapshot.locks.get(id.index())?;
        match self.by {
            By::Lock => Some(self.by_lock(id, lock)),
            By::Address => Some(Key::Lock(lock.lock_type, lock.identity.clone())),
            By::Type => Some(Key::Type(lock.lock_type)),
            _ => None,
        }
    }

    fn by_lock(&self, id: LockId, lock: &Lock) -> Key {
        let lock_type = lock.lock_type;
        let dominant = self.callers.get(&id);
        match (lock.role, &lock.identity, &lock.name, dominant) {
            (role, Identity::Private { process, .. }, Some(name), _) if role.is_of_process() => {
                return Key::OfProcess(lock_type, name.clone(), *process);
            }
            (FutexRole::Waiter, _, name, Some(Dominant { caller, process })) => {
                return Key::Waiters(lock_type, process.clone(), name.clone(), caller.clone());
            }
            (role, Identity::Private { process, address }, ..) => {
                let identity = Identity::Private {
                    process: *process,
                    address: role.lock_address(*address),
                };
                return Key::Lock(lock_type, identity);
            }
            _ => {}
        }
        let caller = dominant.map(|dominant| &dominant.caller);
        match (&lock.identity, &lock.name, caller) {
            (Identity::Kernel { .. }, Some(name), _) => Key::Named(lock_type, name.clone()),
            (Identity::Kernel { .. }, None, Some(caller)) => Key::In(lock_type, caller.clone()),
            (Identity::Kernel { .. }, None, None) => Key::NotSampled(Some(lock_type)),
            (identity, ..) => Key::Lock(lock_type, identity.clone()),
        }
    }

    /// The row of waits for a lock of a type without a sample, where only samples tell the row.
    pub(super) fn not_sampled(&self, lock_type: LockType) -> Key {
        match self.by {
            By::Thread | By::Process | By::Cgroup => Key::NotSampled(None),
            _ => Key::NotSampled(Some(lock_type)),
        }
    }

    /// The row of sampled waits. None if their lock is not in the snapshot.
    pub(super) fn of_site(&self, site: &Site) -> Option<Key> {
        let snapshot = self.snapshot;
        let lock_type = snapshot.locks.get(site.lock.index())?.lock_type;
        let process = || Some(snapshot.threads.get(site.thread.index())?.process);
        Some(match self.by {
            By::Lock | By::Address | By::Type => return self.of_lock(site.lock),
            By::Caller => Key::Caller(lock_type, snapshot.caller(site.stack, lock_type)),
            By::Stack => Key::Stack(lock_type, site.stack),
            By::Thread => Key::Thread(site.thread),
            By::Process => Key::Process(process()),
            By::Cgroup => Key::Cgroup(
                process()
                    .and_then(|process| snapshot.processes.get(process.index()))
                    .map(|process| process.cgroup.clone())
                    .unwrap_or_default(),
            ),
            By::Holder => Key::Pair(
                lock_type,
                self.party(site.thread, Some(site.stack), lock_type),
                site.holder
                    .map(|holder| self.party(holder.thread, holder.stack, lock_type)),
            ),
        })
    }

    fn party(&self, thread: ThreadId, stack: Option<StackId>, lock_type: LockType) -> Party {
        let thread = self.snapshot.threads.get(thread.index());
        Party {
            comm: thread.map(|thread| thread.comm.clone()).unwrap_or_default(),
            caller: stack.map(|stack| self.snapshot.caller(stack, lock_type)),
        }
    }

    /// What a row is called.
    pub(super) fn label(&self, key: &Key, snapshot: &Snapshot, row: &Row) -> String {
        match key {
            Key::Type(lock_type) => lock_type.to_string(),
            Key::Named(_, name) => name.clone(),
            Key::In(_, caller) => format!("in {caller}"),
            Key::NotSampled(_) if self.by.is_exact() => "(no stack sampled)".to_owned(),
            Key::NotSampled(_) => "(not sampled)".to_owned(),
            Key::OfProcess(_, name, process) => {
                format!("{name} ({})", snapshot.process_name(*process))
            }
            Key::Waiters(_, process, name, caller) => {
                let mostly = if self.all_in(row, caller) {
                    ""
                } else {
                    "mostly "
                };
                let name = name.as_deref().map(|name| format!("{name} "));
                format!(
                    "{}{mostly}in {caller} ({process})",
                    name.unwrap_or_default()
                )
            }
            Key::Lock(_, identity) => self.one_lock(identity, row),
            Key::Caller(_, caller) => caller.clone(),
            Key::Stack(lock_type, stack) => snapshot.caller(*stack, *lock_type),
            Key::Thread(thread) => thread_of_process(snapshot, *thread),
            Key::Process(Some(process)) => snapshot.process_name(*process),
            Key::Process(None) => "(unknown process)".to_owned(),
            Key::Cgroup(path) if path.is_empty() => "(unknown cgroup)".to_owned(),
            Key::Cgroup(path) => path.clone(),
            Key::Pair(_, waiter, holder) => {
                let sites = || row.sites.iter().filter_map(|&i| snapshot.sites.get(i));
                let waiters = sites().map(|site| site.thread).collect();
                let holders = sites().filter_map(|site| Some(site.holder?.thread));
                let holder = match holder {
                    Some(holder) => party_name(snapshot, holder, &holders.collect()),
                    None => "unknown".to_owned(),
                };
                format!("{} ← {holder}", party_name(snapshot, waiter, &waiters))
            }
        }
    }

    /// Whether at least 95 % of a row's sampled waiting is in this function.
    fn all_in(&self, row: &Row, caller: &str) -> bool {
        let (mut all, mut here) = (0_u128, 0_u128);
        for site in row
            .sites
            .iter()
            .filter_map(|&at| self.snapshot.sites.get(at))
        {
            let lock_type = self.snapshot.locks.get(site.lock.index());
            all = all.saturating_add(site.waits.wait_ns.into());
            if lock_type
                .is_some_and(|lock| self.snapshot.caller(site.stack, lock.lock_type) == caller)
            {
                here = here.saturating_add(site.waits.wait_ns.into());
            }
        }
        here.saturating_mul(100) >= all.saturating_mul(95)
    }

    /// A lock's name, or the function that waits for it and where it is.
    fn one_lock(&self, identity: &Identity, row: &Row) -> String {
        let locks = || {
            row.locks
                .iter()
                .filter_map(|id| Some((id, self.snapshot.locks.get(id.index())?)))
        };
        let location = self.snapshot.location(identity);
        // The row's locks are one lock, waited for by several operations.
        let name = locks().find_map(|(_, lock)| lock.name.as_deref());
        let caller = locks()
            .filter(|(id, _)| self.callers.contains_key(id))
            .max_by_key(|(_, lock)| lock.waits.total_ns)
            .and_then(|(id, _)| self.callers.get(id))
            .map(|dominant| &dominant.caller);
        match (name, caller, identity) {
            (_, _, Identity::Other) => location,
            (Some(name), Some(caller), Identity::Private { .. } | Identity::Shared { .. }) => {
                format!("{name} in {caller} ({location})")
            }
            (Some(name), _, _) => format!("{name} ({location})"),
            (None, Some(caller), _) => format!("in {caller} ({location})"),
            (None, None, _) => location,
        }
    }
}

/// `worker[12]`, with its process where that is called otherwise: `worker[12] of server[10]`.
fn thread_of_process(snapshot: &Snapshot, id: ThreadId) -> String {
    let name = snapshot.thread_name(id);
    let of = snapshot.threads.get(id.index()).and_then(|thread| {
        let process = snapshot.processes.get(thread.process.index())?;
        (process.pid != thread.tid).then(|| snapshot.process_name(thread.process))
    });
    match of {
        Some(process) => format!("{name} of {process}"),
        None => name,
    }
}

/// `worker[12] in push`, or `3 × worker in push`.
fn party_name(snapshot: &Snapshot, party: &Party, threads: &BTreeSet<ThreadId>) -> String {
    let who = match (threads.len(), threads.first()) {
        (1, Some(&thread)) => snapshot.thread_name(thread),
        (count, _) => format!("{count} × {}", or_no_name(&party.comm)),
    };
    match &party.caller {
        Some(caller) => format!("{who} in {caller}"),
        None => who,
    }
}

fn dominant_callers(snapshot: &Snapshot) -> HashMap<LockId, Dominant> {
    // Lock -> caller -> estimated wait and count.
    let mut waits = HashMap::<LockId, BTreeMap<String, (u64, u64)>>::new();
    let mut processes = HashMap::<LockId, String>::new();
    for site in &snapshot.sites {
        let Some(lock) = snapshot.locks.get(site.lock.index()) else {
            continue;
        };
        if lock.role == FutexRole::Waiter {
            let process = snapshot
                .threads
                .get(site.thread.index())
                .and_then(|thread| snapshot.processes.get(thread.process.index()));
            let comm =
                process.map_or_else(String::new, |process| or_no_name(&process.comm).to_owned());
            processes.entry(site.lock).or_insert(comm);
        }
        let caller = snapshot.caller(site.stack, lock.lock_type);
        let sum = waits
            .entry(site.lock)
            .or_default()
            .entry(caller)
            .or_default();
        sum.0 = sum.0.saturating_add(site.waits.wait_ns);
        sum.1 = sum.1.saturating_add(site.waits.count);
    }
    waits
        .into_iter()
        .filter_map(|(lock, callers)| {
            let (caller, _) = callers.into_iter().max_by_key(|(_, sum)| *sum)?;
            let process = processes.remove(&lock).unwrap_or_default();
            Some((lock, Dominant { caller, process }))
        })
        .collect()
}
