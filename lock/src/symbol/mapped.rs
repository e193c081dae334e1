//! The code that processes map, and their names, as the kernel reports them: of a process that
//! ended before its first sample is read, `/proc` has nothing left.

use std::{
    collections::{HashMap, VecDeque},
    io,
    mem::take,
    rc::Rc,
};

use perf_event::{
    Builder, Clock, SampleFlag, Sampler,
    data::{Mmap2, Record},
    events::Software,
};

use crate::{
    clock::monotonic_ns,
    symbol::mapping::{self, Mapping},
};

/// Size of each CPU's buffer, in bytes. With the page before it, it is what
/// `perf_event_mlock_kb` permits by default.
const BUFFER: usize = 512 << 10;

/// The size of what precedes each record, `struct perf_event_header`, in bytes.
const RECORD_HEADER: usize = 8;

/// How many ended processes are remembered.
const MOST_ENDED: usize = 4096;

/// How many mappings are remembered per process. Just-in-time compilers map without end.
const MOST_MAPPINGS: usize = 2048;

/// How much memory all of them take, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// `PERF_RECORD_MISC_COMM_EXEC` of the kernel's `include/uapi/linux/perf_event.h`: the name
/// changed with the program.
const MISC_COMM_EXEC: u16 = 1 << 13;

/// What processes mapped since the start of a recording.
#[derive(Default)]
pub(crate) struct MappedCode {
    buffers: Vec<Sampler>,
    /// Reports with their times, in nanoseconds, that may be later than others still to come.
    later: Vec<(u64, Report)>,
    processes: Processes,
    /// Names since they were last taken.
    names: Vec<ProcessName>,
}

/// What a process is called from now on. None: as the process that it was forked from.
pub(crate) type ProcessName = (u32, Option<String>);

impl MappedCode {
    /// Has the kernel report what all processes on these CPUs map.
    pub(crate) fn follow(cpus: &[u32]) -> io::Result<Self> {
        let open = |&cpu: &u32| {
            Builder::new(Software::DUMMY)
                .any_pid()
                .one_cpu(cpu as usize)
                .mmap(true)
                .mmap2(true)
                .comm(true)
                .comm_exec(true)
                .task(true)
                .sample_id_all(true)
                .sample(SampleFlag::TIME)
                .clockid(Clock::MONOTONIC)
                .enabled(true)
                .build()?
                .sampled(BUFFER)
        };
        Ok(Self {
            buffers: cpus.iter().map(open).collect::<io::Result<_>>()?,
            ..Self::default()
        })
    }

    /// Takes in what the kernel reported until now.
    pub(crate) fn update(&mut self) {
        let now_ns = monotonic_ns();
        let mut reports = take(&mut self.later);
        for buffer in &mut self.buffers {
            // No more than was in it at first: processes may map as fast as this is read.
            let mut left = BUFFER;
            while left > 0
                && let Some(record) = buffer.next_record()
            {
                // Each record ends with its time, as no other field is asked for.
                let bytes = record.to_contiguous();
                left = left.saturating_sub(RECORD_HEADER.saturating_add(bytes.len()));
                let time = bytes
                    .last_chunk()
                    .map_or(0, |time| u64::from_ne_bytes(*time));
                let exec = record.misc() & MISC_COMM_EXEC != 0;
                let report = record.parse_record().ok().and_then(|it| report(&it, exec));
                reports.extend(report.map(|report| (time, report)));
            }
        }
        // A process is forked on one CPU and executes its program on another, whose buffer may
        // be read first.
        reports.sort_by_key(|(time, _)| *time);
        let now = reports.partition_point(|(time, _)| *time <= now_ns);
        self.later = reports.split_off(now);
        for (_, report) in reports {
            self.names.extend(process_name(&report));
            self.processes.take(report);
        }
    }

    /// Names that processes got since the last call, in the order of time.
    pub(crate) fn take_names(&mut self) -> Vec<ProcessName> {
        take(&mut self.names)
    }

    /// The code that a process has or had mapped, in the order of addresses. Empty where
    /// nothing is known of it.
    pub(crate) fn of_process(&mut self, pid: u32) -> Vec<Mapping> {
        self.update();
        self.processes.mappings(pid)
    }

    /// How many reports were lost: a buffer, or what is remembered, was full.
    pub(crate) fn lost(&self) -> u64 {
        self.processes.lost
    }
}

/// What is used of a record.
enum Report {
    Mapped(u32, Mapping),
    /// A process has a new name, with another program if it executed one.
    Named {
        pid: u32,
        name: String,
        executed: bool,
    },
    Forked {
        parent: u32,
        child: u32,
    },
    Ended(u32),
    Lost(u64),
}

fn report(record: &Record<'_>, exec: bool) -> Option<Report> {
    match record {
        Record::Mmap2(mapped) => Some(Report::Mapped(mapped.pid, mapping(mapped)?)),
        // Else it is a thread.
        Record::Comm(comm) if comm.pid == comm.tid => Some(Report::Named {
            pid: comm.pid,
            name: text(&comm.comm),
            executed: exec,
        }),
        // Else it is a thread.
        Record::Fork(fork) if fork.pid != fork.ppid => Some(Report::Forked {
            parent: fork.ppid,
            child: fork.pid,
        }),
        Record::Exit(exit) if exit.pid == exit.tid => Some(Report::Ended(exit.pid)),
        Record::Lost(lost) => Some(Report::Lost(lost.lost)),
        _ => None,
    }
}

/// The name that a report gives a process.
fn process_name(report: &Report) -> Option<ProcessName> {
    match report {
        Report::Named { pid, name, .. } => Some((*pid, Some(name.clone()))),
        Report::Forked { child, .. } => Some((*child, None)),
        _ => None,
    }
}

/// Text that zeros may follow.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\0')
        .to_owned()
}

/// As a line of `/proc/PID/maps` has it. Only code is reported.
fn mapping(mapped: &Mmap2<'_>) -> Option<Mapping> {
    let path = text(&mapped.filename);
    Some(Mapping {
        range: mapped.addr..mapped.addr.checked_add(mapped.len)?,
        executable: true,
        shared: mapped.flags & libc::MAP_SHARED as u32 != 0,
        offset: mapped.pgoff,
        device: format!("{:02x}:{:02x}", mapped.maj()?, mapped.min()?),
        inode: mapped.ino()?,
        // `//anon`: no file.
        path: if path.starts_with("//") {
            String::new()
        } else {
            path
        },
    })
}

/// What one process mapped.
#[derive(Debug, Default, Clone)]
struct Code {
    /// A process older than the recording, whose code it shares since a fork.
    parent: Option<u32>,
    /// Shared with what it was forked from, until one of both maps more.
    mappings: Rc<Vec<Mapping>>,
    /// What the mappings take, in bytes, as if they were not shared.
    bytes: usize,
}

impl Code {
    fn add(&mut self, mapping: Mapping) {
        let new = mapping.range.clone();
        let mappings = Rc::make_mut(&mut self.mappings);
        mappings.retain(|old| {
            let stays = old.range.end <= new.start || old.range.start >= new.end;
            if !stays {
                self.bytes = self.bytes.saturating_sub(bytes(old));
            }
            stays
        });
        if mappings.len() < MOST_MAPPINGS {
            self.bytes = self.bytes.saturating_add(bytes(&mapping));
            let at = mappings.partition_point(|old| old.range.start < new.start);
            mappings.insert(at, mapping);
        }
    }

    fn bytes(&self) -> usize {
        self.bytes.saturating_add(size_of::<Self>())
    }
}

/// What a mapping takes.
fn bytes(mapping: &Mapping) -> usize {
    size_of::<Mapping>().saturating_add(mapping.path.len())
}

/// Processes that began during the recording, by their numbers.
#[derive(Default)]
struct Processes {
    known: HashMap<u32, Code>,
    /// Those that ended, the oldest first.
    ended: VecDeque<u32>,
    /// What all of them take, in bytes.
    bytes: usize,
    lost: u64,
}

impl Processes {
    fn take(&mut self, report: Report) {
        match report {
            Report::Mapped(pid, mapping) => {
                if let Some(mut code) = self.remove(pid) {
                    code.add(mapping);
                    self.insert(pid, code);
                }
            }
            Report::Named { pid, executed, .. } => {
                if executed {
                    self.insert(pid, Code::default());
                }
            }
            Report::Forked { parent, child } => {
                let inherited = self.known.get(&parent).cloned().unwrap_or(Code {
                    parent: Some(parent),
                    ..Code::default()
                });
                self.insert(child, inherited);
            }
            Report::Ended(pid) => self.end(pid),
            Report::Lost(count) => self.lost = self.lost.saturating_add(count),
        }
    }

    fn insert(&mut self, pid: u32, code: Code) {
        self.remove(pid);
        let bytes = code.bytes();
        while self.bytes.saturating_add(bytes) > MOST_BYTES {
            if !self.forget_oldest() {
                self.lost = self.lost.saturating_add(code.mappings.len() as u64);
                return;
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.known.insert(pid, code);
    }

    fn remove(&mut self, pid: u32) -> Option<Code> {
        let code = self.known.remove(&pid)?;
        self.bytes = self.bytes.saturating_sub(code.bytes());
        Some(code)
    }

    fn end(&mut self, pid: u32) {
        if !self.known.contains_key(&pid) {
            return;
        }
        self.ended.push_back(pid);
        if self.ended.len() > MOST_ENDED {
            self.forget_oldest();
        }
    }

    /// Forgets the process that ended first; false if none did.
    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.ended.pop_front() else {
            return false;
        };
        // Unless a later process with the same number has ended, too.
        if !self.ended.contains(&oldest) {
            self.remove(oldest);
        }
        true
    }

    fn mappings(&self, pid: u32) -> Vec<Mapping> {
        let Some(own) = self.known.get(&pid) else {
            return Vec::new();
        };
        let Some(parent) = own.parent.filter(|parent| !self.known.contains_key(parent)) else {
            return own.mappings.to_vec();
        };
        let mut all = Code::default();
        let inherited = mapping::of_process(parent).unwrap_or_default();
        let inherited = inherited.into_iter().filter(|mapping| mapping.executable);
        let own = own.mappings.iter().cloned();
        for mapping in inherited.take(MOST_MAPPINGS).chain(own) {
            all.add(mapping);
        }
        Rc::unwrap_or_clone(all.mappings)
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, MOST_BYTES, MOST_ENDED, Mapping, Processes, Report};

    fn code(path: &str, start: u64) -> Mapping {
        Mapping {
            range: start..start + 0x1000,
            executable: true,
            shared: false,
            offset: 0,
            device: "08:01".to_owned(),
            inode: 1,
            path: path.to_owned(),
        }
    }

    fn paths(processes: &Processes, pid: u32) -> Vec<String> {
        let mappings = processes.mappings(pid);
        mappings.into_iter().map(|mapping| mapping.path).collect()
    }

    fn executed(pid: u32) -> Report {
        Report::Named {
            pid,
            name: "program".to_owned(),
            executed: true,
        }
    }

    fn started(pid: u32) -> Processes {
        let mut processes = Processes::default();
        processes.take(Report::Forked {
            parent: u32::MAX,
            child: pid,
        });
        processes.take(executed(pid));
        processes
    }

    #[test]
    fn an_ended_process_is_known_by_its_last_program() {
        let mut processes = started(7);
        processes.take(Report::Mapped(7, code("/bin/sh", 0x1000)));
        processes.take(executed(7));
        processes.take(Report::Mapped(7, code("/bin/b", 0x5000)));
        processes.take(Report::Mapped(7, code("/bin/a", 0x1000)));
        processes.take(Report::Ended(7));
        assert_eq!(paths(&processes, 7), ["/bin/a", "/bin/b"]);
        assert!(paths(&processes, 8).is_empty());
    }

    #[test]
    fn later_mappings_replace_what_they_cover() {
        let mut processes = started(7);
        processes.take(Report::Mapped(7, code("/lib/old", 0x1800)));
        processes.take(Report::Mapped(7, code("/lib/new", 0x1000)));
        assert_eq!(paths(&processes, 7), ["/lib/new"]);
    }

    #[test]
    fn a_forked_process_has_its_parents_code() {
        let mut processes = started(7);
        processes.take(Report::Mapped(7, code("/bin/python", 0x1000)));
        processes.take(Report::Forked {
            parent: 7,
            child: 8,
        });
        processes.take(executed(7));
        assert_eq!(paths(&processes, 8), ["/bin/python"]);

        // A parent that is older than the recording has it in /proc only.
        let own = std::process::id();
        processes.take(Report::Forked {
            parent: own,
            child: 9,
        });
        assert!(!paths(&processes, 9).is_empty());
        processes.take(executed(own));
        assert!(paths(&processes, 9).is_empty());
    }

    #[test]
    fn long_paths_do_not_fill_memory() {
        let mut processes = Processes::default();
        let path = "p".repeat(4096);
        for pid in 0..100 {
            processes.take(executed(pid));
            for page in 0..200 {
                processes.take(Report::Mapped(pid, code(&path, page * 0x1000)));
            }
            if pid < 50 {
                processes.take(Report::Ended(pid));
            }
        }
        let bytes: usize = processes.known.values().map(Code::bytes).sum();
        assert_eq!(processes.bytes, bytes);
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES / 2, "{bytes}");
        assert!(processes.lost > 0 && paths(&processes, 0).is_empty());
    }

    #[test]
    fn no_more_than_so_many_ended_processes_are_remembered() {
        let mut processes = Processes::default();
        for pid in 0..2 * MOST_ENDED as u32 {
            processes.take(executed(pid));
            processes.take(Report::Ended(pid));
        }
        assert_eq!(processes.known.len(), MOST_ENDED);
    }
}
