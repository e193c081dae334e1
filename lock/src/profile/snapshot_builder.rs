//! Filling the tables of a snapshot, in which equal values are stored once.

use std::{collections::HashMap, hash::Hash};

use crate::profile::{
    futex_role::FutexRole,
    lock_type::{Class, LockType},
    snapshot::{
        Chain, ChainLink, Estimate, Frame, FrameId, Holder, Identity, Lock, LockId, Process,
        ProcessId, SampledWait, Site, Snapshot, Stack, StackId, Thread, ThreadId, Waits,
    },
};

/// What two locks of one snapshot never have in common.
type LockIdentity = (Identity, LockTypeKey, String);

/// A user lock's class is not part of what it is: stacks tell it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum LockTypeKey {
    Kernel(u32),
    User,
}

/// A snapshot under construction.
#[derive(Debug, Default)]
pub(crate) struct SnapshotBuilder {
    snapshot: Snapshot,
    frames: HashMap<Frame, u32>,
    stacks: HashMap<Stack, u32>,
    processes: HashMap<u32, u32>,
    threads: HashMap<(u32, u32), u32>,
    locks: HashMap<LockIdentity, u32>,
    sites: HashMap<(LockId, StackId, ThreadId, Option<Holder>, u8), usize>,
    chains: HashMap<(Vec<ChainLink>, Option<ThreadId>), usize>,
}

/// The index of a value in a table, to which it is added if it is not there yet.
fn intern<K: Hash + Eq, V>(
    index: &mut HashMap<K, u32>,
    table: &mut Vec<V>,
    key: K,
    value: impl FnOnce() -> V,
) -> u32 {
    *index.entry(key).or_insert_with(|| {
        table.push(value());
        // A table of four thousand million rows does not fit into memory.
        (table.len() - 1) as u32
    })
}

impl SnapshotBuilder {
    /// The id of a frame.
    pub(crate) fn frame(&mut self, frame: &Frame) -> FrameId {
        let table = &mut self.snapshot.frames;
        FrameId(match self.frames.get(frame) {
            Some(&id) => id,
            None => intern(&mut self.frames, table, frame.clone(), || frame.clone()),
        })
    }

    /// The id of a stack.
    pub(crate) fn stack(&mut self, stack: Stack) -> StackId {
        let table = &mut self.snapshot.stacks;
        StackId(match self.stacks.get(&stack) {
            Some(&id) => id,
            None => intern(&mut self.stacks, table, stack.clone(), || stack),
        })
    }

    /// The id of a process, known by its number. What it is now called is its name: a new
    /// process has its parent's until it runs another program.
    pub(crate) fn process(&mut self, process: &Process) -> ProcessId {
        let table = &mut self.snapshot.processes;
        let id = intern(&mut self.processes, table, process.pid, || process.clone());
        if let Some(known) = table.get_mut(id as usize) {
            for (known, new) in [
                (&mut known.comm, &process.comm),
                (&mut known.cgroup, &process.cgroup),
            ] {
                if !new.is_empty() && known != new {
                    known.clone_from(new);
                }
            }
        }
        ProcessId(id)
    }

    /// The id of a thread, known by its number within its process. What it is now called
    /// is its name: a new thread has its parent's until it gives itself one.
    pub(crate) fn thread(&mut self, tid: u32, comm: &str, process: ProcessId) -> ThreadId {
        let table = &mut self.snapshot.threads;
        let id = intern(&mut self.threads, table, (tid, process.0), || Thread {
            tid,
            comm: comm.to_owned(),
            process,
        });
        if let Some(known) = table.get_mut(id as usize)
            && !comm.is_empty()
            && known.comm != comm
        {
            comm.clone_into(&mut known.comm);
        }
        ThreadId(id)
    }

    /// The id of a lock. What is newly known of its class and name is kept.
    pub(crate) fn lock(
        &mut self,
        identity: Identity,
        lock_type: LockType,
        operation: &str,
        name: Option<&str>,
    ) -> LockId {
        let key = match lock_type {
            LockType::Kernel(flags) => LockTypeKey::Kernel(flags),
            LockType::User(_) => LockTypeKey::User,
        };
        let table = &mut self.snapshot.locks;
        let key = (identity.clone(), key, operation.to_owned());
        let id = intern(&mut self.locks, table, key, || Lock {
            identity,
            lock_type,
            operation: operation.to_owned(),
            name: None,
            role: FutexRole::Own,
            waits: Waits::default(),
        });
        if let Some(known) = table.get_mut(id as usize) {
            // An interval without a stack tells less than those before.
            if lock_type != LockType::User(Class::Unknown) {
                known.lock_type = lock_type;
            }
            if let Some(name) = name {
                known.name = Some(name.to_owned());
            }
        }
        LockId(id)
    }

    /// Keeps what is newly known of a lock's futex.
    pub(crate) fn set_role(&mut self, lock: LockId, role: FutexRole) {
        if role != FutexRole::Own
            && let Some(lock) = self.snapshot.locks.get_mut(lock.index())
        {
            lock.role = role;
        }
    }

    /// Adds waits to a lock's.
    pub(crate) fn add_waits(&mut self, lock: LockId, waits: &Waits) {
        if let Some(lock) = self.snapshot.locks.get_mut(lock.index()) {
            lock.waits.add(waits);
        }
    }

    /// Adds sampled waits of one range of lengths.
    pub(crate) fn add_site(
        &mut self,
        lock: LockId,
        stack: StackId,
        thread: ThreadId,
        holder: Option<Holder>,
        waits: &Estimate,
    ) {
        let table = &mut self.snapshot.sites;
        let at = *self
            .sites
            .entry((lock, stack, thread, holder, waits.range()))
            .or_insert_with(|| {
                table.push(Site {
                    lock,
                    stack,
                    thread,
                    holder,
                    waits: Estimate::default(),
                });
                table.len() - 1
            });
        if let Some(site) = table.get_mut(at) {
            site.waits.add(waits);
        }
    }

    /// Adds waits in a chain.
    pub(crate) fn add_chain(
        &mut self,
        links: Vec<ChainLink>,
        end: Option<ThreadId>,
        waits: &Estimate,
    ) {
        let table = &mut self.snapshot.chains;
        let at = *self.chains.entry((links.clone(), end)).or_insert_with(|| {
            table.push(Chain {
                links,
                end,
                waits: Estimate::default(),
            });
            table.len() - 1
        });
        if let Some(chain) = table.get_mut(at) {
            chain.waits.add(waits);
        }
    }

    /// The snapshot so far. Its tables may only be changed by the functions here.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The snapshot so far, for what is not in tables.
    pub(crate) fn snapshot_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }

    /// The snapshot.
    pub(crate) fn finish(self) -> Snapshot {
        self.snapshot
    }
}

/// How many of the longest waits a snapshot has at the most.
pub(crate) const LONGEST: usize = 1000;

/// Keeps the longest waits only, in the order of their begin.
pub(crate) fn keep_longest(intervals: &mut Vec<SampledWait>) {
    if intervals.len() > LONGEST {
        intervals.sort_by_key(|interval| std::cmp::Reverse(interval.wait_ns));
        intervals.truncate(LONGEST);
    }
    intervals.sort_by_key(|interval| interval.start_ns);
}
