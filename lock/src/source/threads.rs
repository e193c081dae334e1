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
    /// The names of processes that the kernel reported.
    process_names: HashMap<u32, String>,
    processes: HashMap<u32, Process>,
}

impl Threads {
    /// Notes a process's name, as the kernel reports it when it changes; without one, that of a
    /// process that was forked.
    pub(crate) fn name_process(&mut self, pid: u32, name: Option<String>) {
        if self.process_names.len() >= REMEMBERED {
            self.process_names.clear();
        }
        match name {
            Some(name) => {
                if let Some(process) = self.processes.get_mut(&pid) {
                    process.comm.clone_from(&name);
                }
                self.process_names.insert(pid, name);
            }
            // One that had the same number is gone.
            None => {
                self.process_names.remove(&pid);
                self.processes.remove(&pid);
            }
        }
    }

    /// Notes a thread's name, as an event has it. A thread that leads its process names it,
    /// unless the kernel reports that name: events are read later than they happened.
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
        let is_reported = self.process_names.contains_key(&tgid);
        let process = self.process(tgid);
        // After an exec it has another name.
        if tid == tgid && !is_reported && process.comm != name {
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
        let reported = self.process_names.get(&pid);
        self.processes.entry(pid).or_insert_with(|| Process {
            pid,
            comm: reported
                .cloned()
                .or_else(|| process_info::comm(pid, pid))
                .unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::Threads;

    fn comm(name: &str) -> [u8; 16] {
        let mut comm = [0; 16];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        comm
    }

    #[test]
    fn a_process_is_called_as_its_program_though_events_of_the_shell_are_read_later() {
        // No process has such a number.
        const PID: u32 = u32::MAX;
        let mut threads = Threads::default();
        let name = |threads: &mut Threads| threads.process(PID).comm.clone();
        threads.note(PID, PID, &comm("sh"));
        assert_eq!(name(&mut threads), "sh");
        threads.name_process(PID, Some("program".to_owned()));
        threads.note(PID, PID, &comm("sh"));
        threads.note(PID, 1, &comm("worker"));
        assert_eq!(name(&mut threads), "program");
        // Another process, with the same number.
        threads.name_process(PID, None);
        assert_eq!(name(&mut threads), "");
    }
}
