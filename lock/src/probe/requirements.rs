//! What recording needs of the machine, checked before anything is done: by feature, as the
//! version is only reported.

use std::{fs, path::Path};

use ebpf_base::{
    btf,
    capability::{Capabilities, Capability, in_user_namespace},
    kernel_release,
};

use crate::{
    error::{Error, Result},
    invocation,
    probe::kernel_types::KernelTypes,
};

/// The initial pid namespace: `PROC_PID_INIT_INO` of the kernel's
/// `include/linux/proc_ns.h`.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The functions in which spinlocks report `contended_release`: in kernels with and without
/// CONFIG_PARAVIRT_SPINLOCKS. The configuration of a kernel can leave them out.
const SPINLOCK_RELEASES: [&str; 2] = [
    "native_queued_spin_unlock_traced",
    "queued_spin_release_traced",
];

/// What the running kernel has of what recording can use. Told by its own types: its version
/// says less, as distributions bring new things to old kernels.
#[derive(Debug)]
pub(crate) struct Kernel {
    types: KernelTypes,
    /// Its release, as `uname -r` says it.
    pub(crate) release: String,
    /// It tells of waits for its own locks, from Linux 5.19 on.
    pub(crate) has_lock_tracepoints: bool,
    /// It tells of releases of contended locks, from Linux 7.2 on.
    pub(crate) has_releases: bool,
    /// Spinlocks are among the locks whose releases it tells of.
    has_spinlock_releases: bool,
    /// `sched_switch` tells the state of the task that leaves, from Linux 5.18 on.
    pub(crate) has_prev_state: bool,
    /// It has `bpf_task_pt_regs`, from Linux 5.15 on.
    pub(crate) has_task_registers: bool,
}

impl Kernel {
    /// The offset of a field, in bytes.
    pub(crate) fn offset(&self, structure: &str, field: &str) -> Result<u32> {
        self.types.offset(structure, field).ok_or_else(|| {
            Error::new(
                "unknown-kernel-type",
                format!("this kernel's BTF has no field {field} in struct {structure}"),
            )
            .fix("report this as a bug, with the output of `uname -a`")
        })
    }

    /// Whether it has a tracepoint that programs can be attached to by its BTF.
    pub(crate) fn has_tracepoint(&self, name: &str) -> bool {
        self.types.has_typedef(&format!("btf_trace_{name}"))
    }

    /// What this kernel's hooks cannot see, one sentence each.
    pub(crate) fn blind_spots(&self) -> Vec<String> {
        let mut spots = Vec::new();
        if self.has_lock_tracepoints {
            spots.extend([
                "the first waiter of a spinlock (the qspinlock's pending bit), except in guests \
                 with paravirtual spinlocks",
                "writers that acquire an rwsem by spinning (optimistic spinning)",
            ]);
            spots.push(unknown_holders(
                self.has_releases,
                self.has_spinlock_releases,
            ));
        }
        spots.extend([
            "user locks acquired by spinning, without a blocking system call",
            "user locks of 32-bit programs",
            "waits whose timeout coincides with the release of the lock (counted as timed out)",
            "waits that began before the recording (of some, only the part after the start of the \
             recording is shown)",
        ]);
        spots.into_iter().map(str::to_owned).collect()
    }

    /// What this kernel lacks, in sentences for the report.
    pub(crate) fn notes(&self) -> Vec<String> {
        if self.has_lock_tracepoints {
            return Vec::new();
        }
        vec![format!(
            "Only user locks are recorded: this kernel ({}) does not report waits for its \
             own locks (tracepoint lock:contention_begin, Linux 5.19 or later)",
            self.release
        )]
    }
}

/// The kernel locks whose holders are unknown: those whose releases are not reported, except the
/// two types whose owner is read. No kernel up to Linux 7.3 reports releases of rwlocks.
const fn unknown_holders(has_releases: bool, has_spinlock_releases: bool) -> &'static str {
    match (has_releases, has_spinlock_releases) {
        (false, _) => {
            "holders of kernel locks other than mutexes and write-locked rwsems \
             (contended_release needs Linux 7.2)"
        }
        (true, false) => {
            "holders of spinlocks and rwlocks (this kernel does not report contended_release for \
             them)"
        }
        (true, true) => {
            "holders of rwlocks (this kernel does not report contended_release for them)"
        }
    }
}

/// Checks rights, BTF and tracepoints.
pub(crate) fn check() -> Result<Kernel> {
    check_capabilities(Capabilities::effective())?;
    kernel()
}

/// What the running kernel has.
pub(crate) fn kernel() -> Result<Kernel> {
    let release = kernel_release();
    let types = KernelTypes::of_running_kernel().map_err(|error| {
        let what = format!("this kernel ({release}) has no BTF");
        Error::new("no-kernel-btf", what)
            .because(format!("{}: {error}", btf::VMLINUX))
            .fix(
                "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, such as a distribution's kernel",
            )
    })?;
    let has = |name: &str| types.has_typedef(&format!("btf_trace_{name}"));
    let has_lock_tracepoints = has("contention_begin") && has("contention_end");
    let has_releases = has_lock_tracepoints && has("contended_release");
    let has_spinlock_releases = has_releases
        && SPINLOCK_RELEASES
            .iter()
            .any(|name| types.has_function(name));
    // Programs get the tracepoint's arguments behind one of the kernel's own.
    let has_prev_state = types.parameters_of("btf_trace_sched_switch") == Some(5);
    let has_task_registers = types.has_enumerator("BPF_FUNC_task_pt_regs");
    Ok(Kernel {
        types,
        release,
        has_lock_tracepoints,
        has_releases,
        has_spinlock_releases,
        has_prev_state,
        has_task_registers,
    })
}

/// Whether process numbers here are those of the kernel: programs see the initial pid
/// namespace only. Taken for granted without /proc.
pub(crate) fn in_initial_pid_namespace() -> bool {
    fs::read_link("/proc/self/ns/pid").map_or(true, |namespace| {
        namespace == Path::new(INITIAL_PID_NAMESPACE)
    })
}

/// Checks that process numbers here are those of the kernel.
pub(crate) fn check_pid_namespace() -> Result<()> {
    if in_initial_pid_namespace() {
        return Ok(());
    }
    Err(Error::new(
        "pid-namespace",
        "lock cannot identify processes from within a PID namespace",
    )
    .because("process IDs here are those of a container, and BPF programs see the host's")
    .fix(
        "run lock on the host, or in a container that shares its PID namespace: \
         docker run --pid=host",
    ))
}

/// Checks that a process exists.
pub(crate) fn check_process(pid: u32) -> Result<()> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| {
        Error::new("no-such-process", format!("process {pid} does not exist"))
            .fix("find the right one with `pgrep -a NAME`")
    })?;
    match field(&status, "Tgid:").and_then(|value| value.parse::<u32>().ok()) {
        Some(process) if process != pid => Err(Error::new(
            "not-a-process",
            format!("{pid} is a thread of the process {process}"),
        )
        .fix(format!("lock record --pid {process}"))),
        _ => Ok(()),
    }
}

/// Checks the capabilities that recording needs. Without /proc they are not known: then the
/// kernel reports it.
fn check_capabilities(held: Option<Capabilities>) -> Result<()> {
    let missing: Vec<&str> = [Capability::Bpf, Capability::Perfmon]
        .into_iter()
        .filter(|&needed| held.is_some_and(|held| !held.permits(needed)))
        .map(Capability::name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(no_rights(&format!("missing: {}", missing.join(" and "))))
}

/// The error of a process without the capabilities.
pub(crate) fn no_rights(cause: &str) -> Error {
    let error = Error::new(
        "no-rights",
        "recording needs CAP_BPF and CAP_PERFMON, or root",
    );
    if in_user_namespace() {
        return error
            .because(
                "capabilities in a user namespace, as in a rootless container, are not \
                 sufficient",
            )
            .fix(invocation::OUTSIDE_USER_NAMESPACE);
    }
    error.because(cause).fix(format!(
        "run lock as root: `{}`, or give the executable the capabilities permanently: \
         `sudo setcap cap_bpf,cap_perfmon+ep {}`",
        invocation::as_root(),
        invocation::this_program()
    ))
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use ebpf_base::capability::Capabilities;

    use super::{check_capabilities, check_process};

    fn missing(hex: &str) -> Option<String> {
        let held = Capabilities::of_status(&format!("Name:\tlock\nCapEff:\t{hex}\n"));
        let error = check_capabilities(Some(held.expect("capabilities"))).err()?;
        assert_eq!(error.code(), "no-rights");
        Some(format!("{error:?}"))
    }

    #[test]
    fn missing_capabilities_are_named() {
        assert_eq!(missing("000001ffffffffff"), None, "root");
        assert_eq!(missing("000000c000000000"), None, "just the two");
        assert_eq!(missing("0000000000200000"), None, "CAP_SYS_ADMIN");
        let one = missing("0000008000000000").expect("CAP_BPF only");
        assert!(one.contains("missing: CAP_PERFMON\""), "{one}");
        let both = missing("0000000000000000").expect("none");
        assert!(
            both.contains("missing: CAP_BPF and CAP_PERFMON\""),
            "{both}"
        );
        check_capabilities(None).expect("for the kernel to report");
    }

    #[test]
    fn a_process_must_exist() {
        check_process(std::process::id()).expect("this one");
        // Above the largest pid that a kernel can be set to (PID_MAX_LIMIT, 2^22).
        let error = check_process(5_000_000).expect_err("none");
        assert_eq!(error.code(), "no-such-process");
    }

    #[test]
    fn a_thread_is_told_from_a_process() {
        let tid = std::thread::spawn(|| {
            let tid = rustix::thread::gettid().as_raw_pid();
            (tid, check_process(tid.cast_unsigned()))
        });
        let (_, checked) = tid.join().unwrap();
        assert_eq!(checked.expect_err("a thread").code(), "not-a-process");
    }
}
