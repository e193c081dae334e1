//! Who the threads are that events tell of.

use std::collections::HashMap;

use crate::{
    profile::{
        snapshot::{Process, ProcessId, ThreadId},
        snapshot_builder::SnapshotBuilder,
    },
    symbol::process_info,
};

/// How many threads and processes are remembered: beyond it, they are looked up again.
const REMEMBERED: usize = 65536;

/// Threads and processes by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    names: HashMap<u32, String>,
    processes: HashMap<u32, Process>,
}

impl Threads {
    /// Notes a thread's name, as an event tells it. A thread that leads its process names it.
    pub(crate) fn note(&mut self, tgid: u32, tid: u32, comm: &[u8; 16]) {
        if self.names.len() >= REMEMBERED {
            self.names.clear();
        }
        let end = comm.iter().position(|&byte| byte == 0).unwrap_or(16);
        let name = String::from_utf8_lossy(comm.get(..end).unwrap_or_default());
        if name.is_empty() {
            return;
        }
        if self.names.get(&tid).is_none_or(|known| *known != name) {
            self.names.insert(tid, name.clone().into_owned());
        }
        let process = self.process(tgid);
        // After an exec it has another name.
        if tid == tgid && process.comm != name {
            process.comm = name.into_owned();
        }
    }

    /// Whether the thread with this number is known from an event.
    pub(crate) fn has(&self, tid: u32) -> bool {
        self.names.contains_key(&tid)
    }

    fn process(&mut self, pid: u32) -> &mut Process {
        if self.processes.len() >= REMEMBERED {
            self.processes.clear();
        }
        self.processes.entry(pid).or_insert_with(|| Process {
            pid,
            comm: process_info::comm(pid, pid).unwrap_or_default(),
            cgroup: process_info::cgroup(pid).unwrap_or_default(),
        })
    }

    /// The id of a process in a snapshot, to which it is added.
    pub(crate) fn process_id(&mut self, builder: &mut SnapshotBuilder, pid: u32) -> ProcessId {
        let process = self.process(pid).clone();
        builder.process(&process)
    }

    /// The id of a thread in a snapshot, to which it is added.
    pub(crate) fn thread_id(
        &mut self,
        builder: &mut SnapshotBuilder,
        tgid: u32,
        tid: u32,
    ) -> ThreadId {
        let process = self.process_id(builder, tgid);
        if self.names.len() >= REMEMBERED {
            self.names.clear();
        }
        let name = self
            .names
            .entry(tid)
            .or_insert_with(|| process_info::comm(tgid, tid).unwrap_or_default());
        builder.thread(tid, name, process)
    }
}
