//! Programs into the kernel.

use std::io;

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, Pod,
    maps::{HashMap, MapError},
    programs::{BtfTracePoint, ProgramError},
};
use lock_common::{Plain, mode};

use crate::{
    error::{Error, Result},
    probe::{kernel_types::KernelTypes, requirements},
    profile::snapshot::Scope,
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
    pub(crate) const PROCESS_MODES: &str = "PROCESS_MODES";
    pub(crate) const STACKS: &str = "STACKS";
    pub(crate) const STACK_TOTALS: &str = "STACK_TOTALS";
    pub(crate) const THREAD_WAITS: &str = "THREAD_WAITS";
    pub(crate) const TYPE_TOTALS: &str = "TYPE_TOTALS";
}

/// The programs that keep the filter up to date with new and gone processes. Those gone
/// come first: attached the other way round, one could be taken in and never out.
const FOLLOW: [&str; 2] = ["sched_process_free", "sched_process_fork"];
/// The programs that record. The end comes first: attached the other way round, a wait
/// could begin seen and end unseen.
const RECORD: [&str; 2] = ["contention_end", "contention_begin"];

/// The process to leave out where there is none: within a pid namespace, lock's own number
/// is that of some other process in the kernel. Above the largest there is (PID_MAX_LIMIT,
/// 2^22).
const NOBODY: u32 = u32::MAX;

/// Programs that are in the kernel, verified, and not attached.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(super) ebpf: Ebpf,
    /// In the order in which they are attached. Each is named like its tracepoint.
    pub(super) programs: Vec<&'static str>,
}

/// Loads the programs that a scope needs, set up to record just that.
pub(crate) fn load(object: &[u8], types: &KernelTypes, scope: &Scope) -> Result<Loaded> {
    let own = if requirements::in_initial_pid_namespace() {
        std::process::id()
    } else {
        NOBODY
    };
    let filtered = u32::from(*scope != Scope::System);
    let pid_offset = field_offset(types, "pid")?;
    let tgid_offset = field_offset(types, "tgid")?;
    let btf = Btf::from_sys_fs().map_err(|error| {
        Error::new("no-kernel-btf", "the kernel's BTF could not be read").because_of(&error)
    })?;
    let mut ebpf = EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("FILTER_BY_PROCESS", &filtered, true)
        .override_global("OWN_TGID", &own, true)
        .override_global("TASK_PID_OFFSET", &pid_offset, true)
        .override_global("TASK_TGID_OFFSET", &tgid_offset, true)
        .load(object)
        .map_err(|error| refused("its maps", &error, maps_denied(&error)))?;

    let programs = match scope {
        Scope::System => RECORD.to_vec(),
        Scope::Process { pid } => {
            set_mode(&mut ebpf, *pid, mode::RECORD)?;
            [FOLLOW, RECORD].concat()
        }
        Scope::Command { .. } => {
            set_mode(&mut ebpf, own, mode::FOLLOW_CHILDREN)?;
            [FOLLOW, RECORD].concat()
        }
    };
    for &name in &programs {
        program(&mut ebpf, name)?
            .load(name, &btf)
            .map_err(|error| refused(&format!("the program {name}"), &error, denied(&error)))?;
    }
    Ok(Loaded { ebpf, programs })
}

/// A program of the object by its name.
pub(super) fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut BtfTracePoint> {
    ebpf.program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| strange_object(&format!("it has no program {name}")))
}

/// The error for an object that is not the one this `lock` was written for.
pub(crate) fn strange_object(cause: &str) -> Error {
    Error::new(
        "strange-object",
        "the eBPF object in this lock is not the one that it was written for",
    )
    .because(cause)
    .fix("build lock again with `cargo xtask build`")
}

fn set_mode(ebpf: &mut Ebpf, tgid: u32, mode: u32) -> Result<()> {
    let map = ebpf
        .map_mut(map::PROCESS_MODES)
        .ok_or_else(|| strange_object("it has no map PROCESS_MODES"))?;
    HashMap::<_, u32, u32>::try_from(map)
        .and_then(|mut modes| modes.insert(tgid, mode, 0))
        .map_err(|error| refused("the filter", &error, false))
}

fn field_offset(types: &KernelTypes, field: &str) -> Result<u32> {
    types.offset("task_struct", field).ok_or_else(|| {
        Error::new(
            "unknown-kernel-type",
            format!("this kernel's BTF has no field {field} in struct task_struct"),
        )
        .fix("report it with the output of `uname -a`")
    })
}

/// The kernel refused something: for want of rights, or for a reason of its own.
pub(super) fn refused(what: &str, error: &dyn std::error::Error, denied: bool) -> Error {
    if denied {
        return requirements::no_rights(&format!(
            "the kernel refused {what}: operation not permitted (in a container, its settings \
             may forbid it even to root)"
        ));
    }
    Error::new("refused-by-kernel", format!("the kernel refused {what}"))
        .because_of(error)
        .fix("`cargo xtask verify` shows why; report it with the output of `uname -a`")
}

pub(super) fn denied(error: &ProgramError) -> bool {
    match error {
        // The verifier's own refusals come with a log.
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => is_denial(io_error) && verifier_log.to_string().trim().is_empty(),
        ProgramError::SyscallError(error) => is_denial(&error.io_error),
        _ => false,
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
