//! Addresses to names: of the kernel's functions, of those of programs while they run, and
//! what kind of lock these are about.

mod call_frames;
mod call_scan;
pub(crate) mod class;
mod class_names;
mod class_table;
mod code_file;
mod confined;
mod data_symbols;
mod debug_files;
mod demangle;
pub(crate) mod fuzzing;
mod kernel;
mod kernel_data;
mod kernel_names;
mod locking;
mod mapped;
mod mapping;
mod module;
mod modules;
mod ownership;
mod perf_map;
mod process;
pub(crate) mod process_info;
mod root;
mod rust_path;
mod stripped;
mod tail_call;
mod text;
mod unread;
mod unwind;

use std::{collections::HashMap, io, time::Duration};

use crate::{
    profile::{futex_role::FutexRole, lock_type::Class, snapshot::Frame},
    symbol::{
        class::Operation,
        kernel::KernelNames,
        kernel_data::KernelData,
        mapped::{MappedCode, ProcessName},
        modules::Modules,
        process::Process,
    },
};

pub(crate) use self::{
    kernel::readable as kernel_names_shown, kernel_data::shown as kernel_data_shown,
    unwind::Registers,
};

/// How many processes are remembered.
const MOST_PROCESSES: usize = 1024;

/// How many of their mappings with code.
const MOST_AREAS: usize = 1 << 16;

/// Everything that is known of addresses, for a whole recording. Bound to the thread that
/// made it.
pub(crate) struct Symbols {
    kernel: KernelNames,
    kernel_data: KernelData,
    modules: Modules,
    mapped: MappedCode,
    unwinding: unwind::Cache,
    /// Process -> when it was last used, and what is known of it.
    processes: HashMap<u32, (u64, Process)>,
    /// The mappings of all of them.
    areas: usize,
    clock: u64,
}

/// A stack of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserStack {
    /// Innermost first, with inlined functions.
    pub(crate) frames: Vec<Frame>,
    /// Whether it goes on beyond its last frame.
    pub(crate) cut: bool,
    /// How many innermost frames are locking code of libraries: the next one is the caller.
    pub(crate) locking_frames: u32,
    /// What it waits for.
    pub(crate) class: Class,
    /// The lock's name, where it is one that users know: `GIL`.
    pub(crate) name: Option<&'static str>,
    /// The role of the futex that it waits on.
    pub(crate) role: FutexRole,
}

impl Symbols {
    /// Knows nothing of any process yet.
    pub(crate) fn new() -> Self {
        Self {
            kernel: KernelNames::new(),
            kernel_data: KernelData::default(),
            modules: Modules::default(),
            mapped: MappedCode::default(),
            unwinding: unwind::Cache::default(),
            processes: HashMap::new(),
            areas: 0,
            clock: 0,
        }
    }

    /// Has processes named that end before their samples are read: those that start on these
    /// CPUs from now on.
    pub(crate) fn follow_mappings(&mut self, cpus: &[u32]) -> io::Result<()> {
        self.mapped = MappedCode::follow(cpus)?;
        Ok(())
    }

    /// Takes in what processes mapped until now, and returns the names that they got. To be
    /// called often: the kernel's buffers are small.
    pub(crate) fn update_mappings(&mut self) -> Vec<ProcessName> {
        self.mapped.update();
        self.mapped.take_names()
    }

    /// The frames of a kernel stack, from the caller on: tracing and locking code is left
    /// out. And the lock's name, where its functions tell.
    pub(crate) fn kernel_stack(
        &mut self,
        return_addresses: &[u64],
    ) -> (Vec<Frame>, Option<&'static str>) {
        let mut frames = self.kernel.frames(return_addresses);
        let names: Vec<_> = frames
            .iter()
            .map(|frame| frame.function.as_deref())
            .collect();
        let Some(caller) = locking::caller(&names) else {
            return (frames, None);
        };
        let (locking, callers) = names.split_at(caller.min(names.len()));
        let name = kernel_names::name(locking, callers);
        frames.drain(..caller.min(frames.len()));
        (frames, name)
    }

    /// The name of the kernel's own data at an address, where it shows that.
    pub(crate) fn kernel_data(&mut self, address: u64) -> Option<String> {
        self.kernel_data.name(address)
    }

    /// The variable of a program or library that is at an address of a process, or its place in
    /// the file: `stats`, `libfoo.so+0x4060`. None where nothing is known of the process yet, or
    /// no file's data is there.
    pub(crate) fn variable(&self, pid: u32, address: u64) -> Option<String> {
        self.processes.get(&pid)?.1.variable(address)
    }

    /// Learns what is mapped into a process, so that its stacks have names even if it ends
    /// before the first of them is handed in.
    pub(crate) fn prepare(&mut self, pid: u32) {
        if !self.processes.contains_key(&pid) {
            let mut process = Process::default();
            process.learn(pid, &mut self.modules, &mut self.mapped);
            self.keep(pid, process);
        }
    }

    /// The stack of a process's thread that waits: from its registers, and the bytes of its
    /// stack from `registers.sp` upwards.
    pub(crate) fn user_stack(
        &mut self,
        pid: u32,
        registers: Registers,
        stack: &[u8],
        operation: Option<Operation>,
    ) -> UserStack {
        if self.unwinding.outworn() {
            for (_, process) in self.processes.values_mut() {
                process.drop_unwinder();
            }
        }
        let mut process = self.take(pid).unwrap_or_default();
        let unwound = process.unwind(
            pid,
            registers,
            stack,
            &mut self.modules,
            &mut self.mapped,
            &mut self.unwinding,
        );
        let frames = process.frames(pid, &unwound.addresses);
        self.keep(pid, process);
        let classified = class::classify(operation, &frames);
        UserStack {
            frames,
            cut: unwound.cut,
            locking_frames: classified.locking_frames,
            class: classified.class,
            name: classified.name,
            role: classified.role,
        }
    }

    /// What could not be named, and what mends it: one sentence each. Counts are of the whole
    /// recording, and part of its last interval.
    pub(crate) fn notes(&self, last: bool) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.kernel.nameless().map(str::to_owned));
        if self.modules.denied > 0 {
            notes.push(
                "functions of some programs have no names, because this user may not read their \
                 files: run lock as root, or with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE"
                    .to_owned(),
            );
        }
        let lost = self.mapped.lost();
        if lost > 0 {
            notes.push(format!(
                "functions of short-lived programs may have no names: {lost} reports of their \
                 mappings were lost, because too many processes started at once"
            ));
        }
        if last {
            notes.extend(self.modules.unread());
            notes.extend(mapping::note());
        }
        notes
    }

    /// The CPU time that processes of ours took that read files of others.
    pub(crate) fn readers_cpu(&self) -> Duration {
        self.modules.readers_cpu()
    }

    fn keep(&mut self, pid: u32, process: Process) {
        self.clock = self.clock.saturating_add(1);
        self.areas = self.areas.saturating_add(process.areas());
        self.processes.insert(pid, (self.clock, process));
        while self.processes.len() > MOST_PROCESSES
            || (self.processes.len() > 1 && self.areas > MOST_AREAS)
            || (self.processes.len() > 1 && self.modules.too_many())
        {
            let oldest = self
                .processes
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(&pid, _)| pid);
            if let Some(oldest) = oldest {
                self.take(oldest);
            }
        }
    }

    fn take(&mut self, pid: u32) -> Option<Process> {
        let (_, process) = self.processes.remove(&pid)?;
        self.areas = self.areas.saturating_sub(process.areas());
        Some(process)
    }
}

#[cfg(test)]
mod tests;
