//! Programs whose runtimes switch between tasks in user space: waits of their tasks are not
//! recorded, and without a word about that a report would be taken for complete.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::snapshot::{Frame, ProcessId, Snapshot};

/// A runtime with tasks of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Runtime {
    /// How names of its functions begin.
    functions: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its tasks.
    pub(crate) tasks: &'static str,
    /// What the tasks wait for, among others.
    pub(crate) locks: &'static str,
}

const RUNTIMES: [Runtime; 2] = [
    Runtime {
        functions: "runtime.futex",
        name: "Go",
        tasks: "goroutines",
        locks: "a sync.Mutex, a channel",
    },
    Runtime {
        functions: "tokio::runtime::",
        name: "tokio",
        tasks: "async tasks",
        locks: "a tokio::sync::Mutex, a channel",
    },
];

impl Runtime {
    fn of(frame: &Frame) -> Option<Self> {
        let function = frame.function.as_deref()?;
        let plain = function.trim_start_matches('<');
        RUNTIMES
            .into_iter()
            .find(|runtime| plain.starts_with(runtime.functions))
    }
}

/// The runtimes that are on sampled stacks, each with the processes that have it.
pub(crate) fn runtimes(snapshot: &Snapshot) -> BTreeMap<Runtime, BTreeSet<ProcessId>> {
    let frames: Vec<_> = snapshot.frames.iter().map(Runtime::of).collect();
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    if frames.iter().all(Option::is_none) {
        return found;
    }
    let stacks: Vec<_> = snapshot
        .stacks
        .iter()
        .map(|stack| {
            let mut frames = stack.user.iter().filter_map(|id| *frames.get(id.index())?);
            frames.next()
        })
        .collect();
    for site in &snapshot.sites {
        if let Some(Some(runtime)) = stacks.get(site.stack.index())
            && let Some(thread) = snapshot.threads.get(site.thread.index())
        {
            found.entry(*runtime).or_default().insert(thread.process);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::runtimes;
    use crate::profile::{
        lock_type::{Class, LockType},
        snapshot::{Estimate, Frame, Identity, Process, Stack},
        snapshot_builder::SnapshotBuilder,
    };

    #[test]
    fn a_runtime_is_found_by_its_functions() {
        let mut builder = SnapshotBuilder::default();
        for (pid, function) in [
            (10, "runtime.futex"),
            (11, "<tokio::runtime::park::CachedParkThread>::park"),
            (12, "main::runtime"),
        ] {
            let process = builder.process(&Process {
                pid,
                ..Process::default()
            });
            let frame = builder.frame(&Frame {
                function: Some(function.to_owned()),
                ..Frame::default()
            });
            let stack = builder.stack(Stack {
                user: vec![frame],
                ..Stack::default()
            });
            let thread = builder.thread(pid, "worker", process);
            let lock = builder.lock(
                Identity::Private {
                    process,
                    address: 64,
                },
                LockType::User(Class::Parked),
                "",
                None,
            );
            builder.add_site(lock, stack, thread, None, &Estimate::of(1_000, 0));
        }
        let snapshot = builder.finish();
        let found: Vec<_> = runtimes(&snapshot)
            .into_iter()
            .map(|(runtime, processes)| {
                let pids = processes
                    .iter()
                    .map(|id| snapshot.processes[id.index()].pid);
                (runtime.name, pids.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(found, [("Go", vec![10]), ("tokio", vec![11])]);
    }
}
