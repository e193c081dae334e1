//! Programs into the kernel, set up to record just what is asked for.

use std::io;

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, Pod,
    maps::{Array, HashMap, MapError},
    programs::{BtfTracePoint, Program, ProgramError, ProgramFd, RawTracePoint, links::FdLink},
};
use ebpf_base::memlock;
use lock_common::{
    FAST_SLOTS, FAST_WAYS, FilterKey, MAX_PROCESSES, Modes, PROCESSES, Plain, USER_STACK,
    USER_STACK_PORTION, WAYS, WaitKind, filter, mode, user_stacks,
};

use crate::{
    error::{Error, Result},
    probe::{
        plan::{Filters, Plan, UserStacks},
        requirements::{self, Kernel},
    },
    profile::{lock_type::LockType, snapshot::Scope},
};

/// A type of `lock-common` as aya takes it: it allows no implementation of its trait for
/// another crate's type.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Shared<T>(pub(crate) T);

// SAFETY: transparent, and Plain promises all that Pod asks for.
unsafe impl<T: Plain> Pod for Shared<T> {}

/// Names of the maps of `lock-ebpf`.
pub(crate) mod map {
    pub(crate) const COUNTS: &str = "COUNTS";
    pub(crate) const CPU_SPINS: &str = "CPU_SPINS";
    pub(crate) const EVENTS: &str = "EVENTS";
    pub(crate) const FILTER_VALUES: &str = "FILTER_VALUES";
    pub(crate) const LOCK_TOTALS: &str = "LOCK_TOTALS";
    pub(crate) const OTHER_TOTALS: &str = "OTHER_TOTALS";
    pub(crate) const SLOTS: &str = "SLOTS";
    pub(crate) const FAST_TOTALS: &str = "FAST_TOTALS";
    pub(crate) const PROCESS_MODES: &str = "PROCESS_MODES";
    pub(crate) const STACKS: &str = "STACKS";
    pub(crate) const FRAME_STEPS: &str = "FRAME_STEPS";
    pub(crate) const THREADS: &str = "THREADS";
    pub(crate) const TIDS: &str = "TIDS";
}

/// The process to leave out where there is none: within a pid namespace, lock's own number
/// is that of some other process in the kernel. Above the largest there is (PID_MAX_LIMIT,
/// 2^22).
const NOBODY: u32 = u32::MAX;

/// How many samples of waits for kernel locks each CPU takes at the most in a window of 134 ms:
/// about 15 a second. So seldom, all that a sample touches has left the CPU's caches.
const SAMPLES_PER_WINDOW: u32 = 2;

/// Stands for a field that a kernel does not have.
const NO_FIELD: u32 = u32::MAX;

/// Programs that are in the kernel, verified, and not attached.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(super) ebpf: Ebpf,
    /// In the order in which they are attached. Each is named like its tracepoint.
    pub(super) programs: Vec<&'static str>,
}

impl Loaded {
    /// How many programs there are.
    pub(crate) fn count(&self) -> usize {
        self.programs.len()
    }
}

/// The programs that a recording needs on a kernel, in the order in which they are attached.
///
/// What forgets comes before what remembers, and the end of a wait before its begin: attached
/// the other way round, a process could be taken in and never out, and a wait begin seen and
/// end unseen.
fn programs(kernel: &Kernel, plan: &Plan) -> Vec<&'static str> {
    let types = &plan.filters.types;
    let wants =
        |user| types.is_empty() || types.iter().any(|t| matches!(t, LockType::User(_)) == user);
    let wants_kernel = kernel.has_lock_tracepoints && wants(false);
    let follows = plan.scope != Scope::System;
    [
        ("sched_process_free", true),
        ("sched_process_fork", follows),
        ("contended_release", wants_kernel && kernel.has_releases),
        ("contention_end", wants_kernel),
        ("contention_begin", wants_kernel),
        ("sched_waking", wants(true)),
        ("sched_switch", wants(true)),
    ]
    .into_iter()
    .filter_map(|(name, needed)| needed.then_some(name))
    .collect()
}

/// The variables of the programs, which the verifier takes for constants.
fn globals(kernel: &Kernel, plan: &Plan, own: u32) -> Result<Vec<(&'static str, u32)>> {
    let task = |field| kernel.offset("task_struct", field);
    let state = task("__state").or_else(|_| task("state"))?;
    let runtime = |field| Ok::<_, Error>(task("se")? + kernel.offset("sched_entity", field)?);
    let optional = |structure, field| kernel.offset(structure, field).unwrap_or(NO_FIELD);
    let user_stacks = match plan.user_stacks {
        UserStacks::Auto if plan.exact => user_stacks::NONE,
        UserStacks::Auto => user_stacks::SLEEPING,
        UserStacks::All => user_stacks::ALL,
        UserStacks::User => user_stacks::NONE,
    };
    let portions =
        (plan.stack_bytes as usize).clamp(USER_STACK_PORTION, USER_STACK) / USER_STACK_PORTION;
    Ok(vec![
        ("EXACT", plan.exact.into()),
        ("FILTER_BY", filter_bits(plan)),
        ("HAS_PREV_STATE", kernel.has_prev_state.into()),
        ("HAS_RELEASES", kernel.has_releases.into()),
        ("HAS_TASK_REGISTERS", kernel.has_task_registers.into()),
        ("MM_LOCK_OFFSET", optional("mm_struct", "mmap_lock")),
        ("MUTEX_OWNER_OFFSET", optional("mutex", "owner")),
        ("OWN_TGID", own),
        ("FAST_MASK", fast_slots(plan) - 1),
        ("RWSEM_OWNER_OFFSET", optional("rw_semaphore", "owner")),
        ("SAMPLES_PER_WINDOW", SAMPLES_PER_WINDOW),
        ("TASK_COMM_OFFSET", task("comm")?),
        ("TASK_FLAGS_OFFSET", task("flags")?),
        ("TASK_MM_OFFSET", task("mm")?),
        ("TASK_PID_OFFSET", task("pid")?),
        ("TASK_RAN_BEFORE_OFFSET", runtime("prev_sum_exec_runtime")?),
        ("TASK_RAN_OFFSET", runtime("sum_exec_runtime")?),
        ("TASK_STACK_OFFSET", task("stack")?),
        ("TASK_STATE_OFFSET", state),
        ("TASK_TGID_OFFSET", task("tgid")?),
        ("THREAD_SET_MASK", sets(plan) - 1),
        ("USER_STACKS", user_stacks),
        ("USER_STACK_PORTIONS", portions as u32),
    ])
}

/// How many fast slots each CPU has for rows of either kind: for a part of all rows.
fn fast_slots(plan: &Plan) -> u32 {
    (plan.limits.locks / 8 / FAST_WAYS as u32)
        .clamp(1, FAST_SLOTS as u32)
        .next_power_of_two()
}

/// How many sets of threads there are.
fn sets(plan: &Plan) -> u32 {
    (plan.limits.threads.next_power_of_two() / WAYS as u32).max(1)
}

/// How many elements the table of processes has: for all, or one where it is not used.
fn mode_elements(plan: &Plan) -> u32 {
    match plan.scope {
        Scope::System => 1,
        Scope::Process { .. } | Scope::Command { .. } => (MAX_PROCESSES / PROCESSES) as u32,
    }
}

/// What a plan filters by, in bits.
fn filter_bits(plan: &Plan) -> u32 {
    let Filters {
        tids,
        comms,
        cgroups,
        cpus,
        types,
        addresses,
        min_wait: _,
    } = &plan.filters;
    [
        (filter::PROCESS, plan.scope != Scope::System),
        (filter::TID, !tids.is_empty()),
        (filter::COMM, !comms.is_empty()),
        (filter::CGROUP, !cgroups.is_empty()),
        (filter::CPU, !cpus.is_empty()),
        (filter::TYPE, !types.is_empty()),
        (filter::ADDRESS, !addresses.is_empty()),
    ]
    .into_iter()
    .filter(|(_, used)| *used)
    .fold(0, |bits, (bit, _)| bits | bit)
}

/// Loads the programs.
pub(crate) fn load(object: &[u8], kernel: &Kernel, plan: &Plan) -> Result<Loaded> {
    let own = if requirements::in_initial_pid_namespace() {
        std::process::id()
    } else {
        NOBODY
    };
    let globals = globals(kernel, plan, own)?;
    let min_wait_ns = u64::try_from(plan.filters.min_wait.as_nanos()).unwrap_or(u64::MAX);
    let limits = &plan.limits;
    let btf = Btf::from_sys_fs().map_err(|error| {
        Error::new("no-kernel-btf", "the kernel's BTF could not be read")
            .because_of(&error)
            .fix("check that /sys/kernel/btf/vmlinux is readable")
    })?;
    // Where it cannot be lifted and is too low, the kernel rejects a map.
    let _ = memlock::lift();
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(&btf))
        .override_global("MIN_WAIT_NS", &min_wait_ns, true)
        .override_global("MIN_USER_WAIT_NS", &min_wait_ns, true)
        .map_max_entries(map::EVENTS, limits.buffer)
        .map_max_entries(map::LOCK_TOTALS, limits.locks)
        .map_max_entries(map::PROCESS_MODES, mode_elements(plan))
        .map_max_entries(map::SLOTS, sets(plan) * WAYS as u32)
        .map_max_entries(map::STACKS, limits.stacks)
        .map_max_entries(map::TIDS, sets(plan))
        .map_max_entries(map::THREADS, sets(plan));
    for (name, value) in &globals {
        loader.override_global(name, value, true);
    }
    let mut ebpf = loader.load(object).map_err(|error| maps_rejected(&error))?;

    match plan.scope {
        Scope::System => {}
        Scope::Process { pid } => set_mode(&mut ebpf, pid, mode::RECORD)?,
        Scope::Command { .. } => set_mode(&mut ebpf, own, mode::FOLLOW_CHILDREN)?,
    }
    set_filters(&mut ebpf, &plan.filters)?;
    let programs = programs(kernel, plan);
    for &name in &programs {
        tracepoint(&mut ebpf, name)?
            .load(name, &btf)
            .map_err(|error| rejected(&format!("the program {name}"), &error, denied(&error)))?;
    }
    Ok(Loaded { ebpf, programs })
}

/// A program of the object. The tracepoints that older kernels do not have are raw ones, so that
/// libbpf takes the object there, too.
pub(super) enum Tracepoint<'a> {
    Btf(&'a mut BtfTracePoint),
    Raw(&'a mut RawTracePoint),
}

impl Tracepoint<'_> {
    /// Loads the program of the tracepoint `name`.
    fn load(&mut self, name: &str, btf: &Btf) -> Result<(), ProgramError> {
        match self {
            Self::Btf(program) => program.load(name, btf),
            Self::Raw(program) => program.load(),
        }
    }

    /// Attaches it there.
    pub(super) fn attach(&mut self, name: &str) -> Result<FdLink, ProgramError> {
        match self {
            Self::Btf(program) => {
                let id = program.attach()?;
                program.take_link(id).map(FdLink::from)
            }
            Self::Raw(program) => {
                let id = program.attach(name)?;
                program.take_link(id).map(FdLink::from)
            }
        }
    }

    /// The loaded program's file descriptor.
    pub(super) fn fd(&self) -> Result<&ProgramFd, ProgramError> {
        match self {
            Self::Btf(program) => program.fd(),
            Self::Raw(program) => program.fd(),
        }
    }

    /// The prefix of its section, by which its kind is known.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Btf(_) => "tp_btf",
            Self::Raw(_) => "raw_tp",
        }
    }
}

/// A program of the object by its name.
pub(super) fn tracepoint<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<Tracepoint<'a>> {
    match ebpf.program_mut(name) {
        Some(Program::BtfTracePoint(program)) => Ok(Tracepoint::Btf(program)),
        Some(Program::RawTracePoint(program)) => Ok(Tracepoint::Raw(program)),
        _ => Err(strange_object(&format!("it has no program {name}"))),
    }
}

/// The error for an object that is not the one this `lock` was written for.
pub(crate) fn strange_object(cause: &str) -> Error {
    Error::new(
        "strange-object",
        "the embedded eBPF object does not match this version of lock",
    )
    .because(cause)
    .fix("rebuild lock, such as with `cargo install --path lock` in its repository")
}

fn set_mode(ebpf: &mut Ebpf, tgid: u32, mode: u8) -> Result<()> {
    let map = ebpf
        .map_mut(map::PROCESS_MODES)
        .ok_or_else(|| strange_object("it has no map PROCESS_MODES"))?;
    let mut modes = Modes {
        modes: [mode::NONE; PROCESSES],
    };
    if let Some(place) = modes.modes.get_mut(tgid as usize % PROCESSES) {
        *place = mode;
    }
    Array::<_, Shared<Modes>>::try_from(map)
        .and_then(|mut processes| processes.set(tgid / PROCESSES as u32, Shared(modes), 0))
        .map_err(|error| rejected("the filter", &error, false))
}

/// What is let through, as the programs look it up.
fn filter_keys(filters: &Filters) -> Vec<FilterKey> {
    let one = |by: u32, value: u64| FilterKey {
        by: by.into(),
        value: [value, 0],
    };
    let tids = filters.tids.iter().map(|&tid| one(filter::TID, tid.into()));
    let comms = filters.comms.iter().map(|comm| FilterKey {
        by: filter::COMM.into(),
        value: name_words(comm),
    });
    let cgroups = filters
        .cgroups
        .iter()
        .map(|&(_, id)| one(filter::CGROUP, id));
    let cpus = filters.cpus.iter().map(|&cpu| one(filter::CPU, cpu.into()));
    let types = filters.types.iter().map(|lock_type| {
        let lock_type = match lock_type {
            LockType::Kernel(flags) => *flags,
            LockType::User(_) => WaitKind::USER_TYPE,
        };
        one(filter::TYPE, lock_type.into())
    });
    let addresses = filters
        .addresses
        .iter()
        .map(|&address| one(filter::ADDRESS, address));
    tids.chain(comms)
        .chain(cgroups)
        .chain(cpus)
        .chain(types)
        .chain(addresses)
        .collect()
}

/// A thread's name as the kernel keeps it: 15 bytes (`TASK_COMM_LEN` is 16), then zeros.
fn name_words(name: &str) -> [u64; 2] {
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    let [first, second] = [0, 8].map(|at| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_ne_bytes(word)
    });
    [first, second]
}

fn set_filters(ebpf: &mut Ebpf, filters: &Filters) -> Result<()> {
    let map = ebpf
        .map_mut(map::FILTER_VALUES)
        .ok_or_else(|| strange_object("it has no map FILTER_VALUES"))?;
    let mut values = HashMap::<_, Shared<FilterKey>, u32>::try_from(map)
        .map_err(|error| strange_object(&format!("its map FILTER_VALUES: {error}")))?;
    for key in filter_keys(filters) {
        values
            .insert(Shared(key), 1, 0)
            .map_err(|error| rejected("the filter", &error, false))?;
    }
    Ok(())
}

/// The kernel rejected something: for lack of capabilities, or for another reason.
pub(super) fn rejected(what: &str, error: &dyn std::error::Error, denied: bool) -> Error {
    if denied {
        return requirements::no_rights(&format!(
            "the kernel rejected {what}: operation not permitted (a container's settings may \
             forbid it even for root)"
        ));
    }
    Error::new("refused-by-kernel", format!("the kernel rejected {what}"))
        .because_of(error)
        .fix("report this as a bug, with the cause above and the output of `uname -a`")
}

pub(super) fn denied(error: &ProgramError) -> bool {
    match error {
        // The verifier's rejections come with a log.
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => is_denial(io_error) && verifier_log.to_string().trim().is_empty(),
        ProgramError::SyscallError(error) => is_denial(&error.io_error),
        _ => false,
    }
}

/// As [`rejected`], for the maps: those that are too large have an option to make them smaller.
fn maps_rejected(error: &EbpfError) -> Error {
    match error {
        EbpfError::MapError(MapError::CreateError { name, io_error })
            if io_error.kind() == io::ErrorKind::OutOfMemory =>
        {
            Error::new(
                "no-memory",
                format!("the kernel does not have enough memory for the map {name}"),
            )
            .because_of(io_error)
            .fix(format!(
                "record with a smaller {}; `lock doctor` reports the memory that tables need",
                limit_of(name)
            ))
        }
        _ => rejected("the maps", error, maps_denied(error)),
    }
}

/// The option that determines the size of a map; of one that has none, those of the largest.
fn limit_of(name: &str) -> &'static str {
    match name {
        map::LOCK_TOTALS => "--max-locks",
        map::STACKS => "--max-stacks",
        map::SLOTS | map::TIDS | map::THREADS => "--max-threads",
        map::EVENTS => "--buffer",
        _ => "--max-locks, --max-threads or --buffer",
    }
}

fn maps_denied(error: &EbpfError) -> bool {
    match error {
        EbpfError::MapError(MapError::CreateError { io_error, .. }) => is_denial(io_error),
        EbpfError::MapError(MapError::SyscallError(error)) => is_denial(&error.io_error),
        _ => false,
    }
}

fn is_denial(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests {
    use std::io;

    use aya::{EbpfError, maps::MapError};

    use super::{maps_rejected, name_words};

    #[test]
    fn a_map_without_memory_names_its_option() {
        let error = |name: &str, errno| {
            maps_rejected(&EbpfError::MapError(MapError::CreateError {
                name: name.to_owned(),
                io_error: io::Error::from_raw_os_error(errno),
            }))
        };
        for (name, option) in [
            ("LOCK_TOTALS", "--max-locks;"),
            ("STACKS", "--max-stacks;"),
            ("SLOTS", "--max-threads;"),
            ("EVENTS", "--buffer;"),
            ("COUNTS", "--buffer;"),
        ] {
            let error = error(name, libc::ENOMEM);
            assert_eq!(error.code(), "no-memory");
            assert!(error.fix_text().unwrap().contains(option), "{name}");
        }
        assert_eq!(error("STACKS", libc::E2BIG).code(), "refused-by-kernel");
    }

    #[test]
    fn names_are_cut_as_the_kernel_cuts_them() {
        assert_eq!(
            name_words("ab"),
            [u64::from_ne_bytes(*b"ab\0\0\0\0\0\0"), 0]
        );
        let [_, second] = name_words("a name that is too long");
        assert_eq!(second.to_ne_bytes(), *b"hat is \0");
    }
}
