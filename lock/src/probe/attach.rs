//! Programs onto their tracepoints, and off again.
//!
//! Nothing is pinned: programs and links live as long as this process does, however it
//! ends.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::{Ebpf, programs::links::FdLink};

use crate::{
    clock::monotonic_ns,
    error::Result,
    probe::{
        load::{Loaded, denied, rejected, tracepoint},
        syscall,
    },
};

/// Programs that are recording, or have been.
#[derive(Debug)]
pub(crate) struct Attached {
    /// The maps.
    pub(crate) ebpf: Ebpf,
    /// In the order in which they were attached.
    programs: Vec<Program>,
    links: Vec<FdLink>,
    /// When recording began (CLOCK_MONOTONIC, nanoseconds).
    pub(crate) since_ns: u64,
}

#[derive(Debug)]
struct Program {
    /// Its name, which is that of its tracepoint.
    name: &'static str,
    kind: &'static str,
    fd: i32,
}

/// What one program ran for while it was timed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// How often.
    pub(crate) count: u64,
    /// How long, in nanoseconds.
    pub(crate) ns: u64,
}

impl Loaded {
    /// Begins recording.
    pub(crate) fn attach(self) -> Result<Attached> {
        let Self {
            mut ebpf,
            programs: names,
        } = self;
        let mut links = Vec::with_capacity(names.len());
        let mut programs = Vec::with_capacity(names.len());
        for &name in &names {
            let mut program = tracepoint(&mut ebpf, name)?;
            let link = program.attach(name).map_err(|error| {
                rejected(&format!("the attachment of {name}"), &error, denied(&error))
            })?;
            links.push(link);
            let fd = program
                .fd()
                .map_err(|error| rejected(&format!("a query about {name}"), &error, false))?;
            programs.push(Program {
                name,
                kind: program.kind(),
                fd: fd.as_fd().as_raw_fd(),
            });
        }
        Ok(Attached {
            ebpf,
            programs,
            links,
            since_ns: monotonic_ns(),
        })
    }
}

impl Attached {
    /// Ends recording. What was recorded stays in the maps.
    pub(crate) fn detach(&mut self) {
        // In the reverse order of attaching, for the same reason.
        while self.links.pop().is_some() {}
        wait_for_running_programs();
    }

    /// The kinds and names of the programs.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.programs
            .iter()
            .map(|program| (program.kind, program.name))
    }

    /// What each program has run for while it was timed. Zero where the kernel does not tell.
    pub(super) fn runs(&self) -> Vec<Run> {
        self.infos(|info| Run {
            count: info.run_cnt,
            ns: info.run_time_ns,
        })
    }

    /// How often the kernel skipped each program because it was running on that CPU already.
    pub(crate) fn recursion_misses(&self) -> Vec<u64> {
        self.infos(|info| info.recursion_misses)
    }

    fn infos<T: Default>(&self, read: impl Fn(&aya_obj::generated::bpf_prog_info) -> T) -> Vec<T> {
        self.programs
            .iter()
            .map(|program| {
                syscall::program_info(program.fd).map_or_else(|_| T::default(), |info| read(&info))
            })
            .collect()
    }
}

/// Waits until programs that were entered before they were detached have ended: they run
/// in RCU read-side critical sections.
fn wait_for_running_programs() {
    // SAFETY: membarrier takes three integers. MEMBARRIER_CMD_GLOBAL waits for a grace
    // period of RCU.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if result != 0 {
        // Fails with nohz_full or in a container: programs run for microseconds.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
