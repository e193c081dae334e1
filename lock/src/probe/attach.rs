//! Programs onto their tracepoints, and off again.
//!
//! Nothing is pinned: programs and links live as long as this process does, however it
//! ends.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::{Ebpf, programs::tp_btf::BtfTracePointLink};
use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_info};

use crate::{
    error::Result,
    probe::load::{Loaded, denied, program, refused},
    profile::snapshot::Hook,
};

/// Programs that are recording.
#[derive(Debug)]
pub(crate) struct Attached {
    ebpf: Ebpf,
    programs: Vec<&'static str>,
    links: Vec<BtfTracePointLink>,
    since_ns: u64,
}

/// Programs that have stopped, with all that they recorded in their maps.
#[derive(Debug)]
pub(crate) struct Detached {
    /// The maps.
    pub(crate) ebpf: Ebpf,
    /// The programs that recorded: the beginning of waits, their end, then what follows
    /// processes.
    pub(crate) hooks: Vec<Hook>,
    /// How long they recorded, in nanoseconds.
    pub(crate) duration_ns: u64,
    /// When they stopped (CLOCK_MONOTONIC, nanoseconds).
    pub(crate) until_ns: u64,
}

impl Loaded {
    /// Begins recording.
    pub(crate) fn attach(self) -> Result<Attached> {
        let Self { mut ebpf, programs } = self;
        let mut links = Vec::with_capacity(programs.len());
        for &name in &programs {
            let program = program(&mut ebpf, name)?;
            let link = program
                .attach()
                .and_then(|id| program.take_link(id))
                .map_err(|error| refused(&format!("to attach {name}"), &error, denied(&error)))?;
            links.push(link);
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
    /// Ends recording.
    pub(crate) fn detach(self) -> Result<Detached> {
        let Self {
            mut ebpf,
            programs,
            mut links,
            since_ns,
        } = self;
        // In the reverse order of attaching, for the same reason.
        while links.pop().is_some() {}
        let until_ns = monotonic_ns();
        wait_for_running_programs();
        // As people think of them: the reverse of the order in which they are attached.
        let hooks = programs
            .into_iter()
            .rev()
            .map(|name| {
                Ok(Hook {
                    missed: recursion_misses(&mut ebpf, name)?,
                    kind: "tp_btf".to_owned(),
                    name: name.to_owned(),
                    ..Hook::default()
                })
            })
            .collect::<Result<_>>()?;
        Ok(Detached {
            ebpf,
            hooks,
            duration_ns: until_ns.saturating_sub(since_ns),
            until_ns,
        })
    }
}

/// Waits until programs that were entered before they were detached have ended: they run
/// in RCU read-side critical sections.
fn wait_for_running_programs() {
    // SAFETY: membarrier takes three integers. MEMBARRIER_CMD_GLOBAL waits for a grace
    // period of RCU.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if result != 0 {
        // Refused with nohz_full or by a container: programs run for microseconds.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// How often the kernel skipped a program because it was running on that CPU already.
/// aya 0.14 reads this field and does not hand it on.
fn recursion_misses(ebpf: &mut Ebpf, name: &str) -> Result<u64> {
    let program = program(ebpf, name)?;
    let fd = program
        .fd()
        .map_err(|error| refused(&format!("to tell about {name}"), &error, false))?;
    // SAFETY: plain data, for which zero is a value.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.info.bpf_fd = fd.as_fd().as_raw_fd().cast_unsigned();
    attr.info.info_len = size_of::<bpf_prog_info>() as u32;
    attr.info.info = (&raw mut info).expose_provenance() as u64;
    // SAFETY: the kernel reads `attr`, of the size that it is told, and writes at most
    // `info_len` bytes to `info`. Both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_OBJ_GET_INFO_BY_FD as libc::c_long,
            &raw mut attr,
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 {
        let error = std::io::Error::last_os_error();
        return Err(refused(&format!("to tell about {name}"), &error, false));
    }
    Ok(info.recursion_misses)
}

fn monotonic_ns() -> u64 {
    // SAFETY: timespec is plain data, for which zero is a value.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: writes one timespec. This clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
