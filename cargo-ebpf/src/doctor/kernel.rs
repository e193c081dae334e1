//! Whether the running kernel can verify and run BPF programs for this user. None of
//! it keeps a build from working.

use std::fs;

use ebpf_base::{
    KernelVersion,
    btf::VMLINUX,
    capability::{Capability, in_user_namespace},
    syscall::Availability,
};
use ebpf_build::Finding;

use crate::{code::Code, host::kernel::Kernel};

/// The oldest kernel with BTF.
const OLDEST: KernelVersion = KernelVersion::new(4, 18);
/// From here on the verifier takes a million instructions and bounded loops follow.
const ADVISED: KernelVersion = KernelVersion::new(5, 2);
/// From here on BPF memory counts towards the cgroup and no longer to RLIMIT_MEMLOCK.
const NO_MEMLOCK: KernelVersion = KernelVersion::new(5, 11);

/// What the checks look at. `None`: the file cannot be read.
#[derive(Debug, Clone)]
struct Facts {
    kernel: Kernel,
    btf: bool,
    syscall: Availability,
    /// /proc/sys/net/core/bpf_jit_enable
    jit: Option<String>,
    /// /proc/self/mounts
    mounts: Option<String>,
    /// /proc/self/limits
    limits: Option<String>,
    /// /sys/kernel/security/lockdown
    lockdown: Option<String>,
}

impl Facts {
    fn read() -> Self {
        let read = |path| fs::read_to_string(path).ok();
        let kernel = Kernel::running();
        Self {
            btf: kernel.has_btf(),
            syscall: kernel.bpf_syscall(),
            kernel,
            jit: read("/proc/sys/net/core/bpf_jit_enable"),
            mounts: read("/proc/self/mounts"),
            limits: read("/proc/self/limits"),
            lockdown: read("/sys/kernel/security/lockdown"),
        }
    }
}

/// The checks of this group.
pub(super) fn check() -> Vec<Finding> {
    judge(&Facts::read())
}

fn judge(facts: &Facts) -> Vec<Finding> {
    [
        Some(release(&facts.kernel)),
        Some(btf(facts.btf)),
        Some(syscall(facts)),
        Some(capabilities(&facts.kernel)),
        Some(jit(facts)),
        Some(tracefs(facts)),
        memlock(facts),
        lockdown(facts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn release(kernel: &Kernel) -> Finding {
    let code = Code::KernelVersion;
    let release = &kernel.release;
    let fix = "boot Linux 5.2 or newer";
    match kernel.version {
        version if version >= ADVISED => Finding::fine(
            code,
            format!("Linux {release} is recent enough (5.2 or newer is recommended)"),
        ),
        version if version >= OLDEST => Finding::warning(
            code,
            format!("Linux {release} is older than the recommended 5.2"),
        )
        .because(
            "it supports BTF (since 4.18), but limits programs to 4096 instructions, and \
             lacks many BPF features",
        )
        .fix(fix),
        _ => Finding::warning(
            code,
            format!("Linux {release} is older than 4.18, the first version with BTF"),
        )
        .fix(fix),
    }
}

fn btf(there: bool) -> Finding {
    let code = Code::KernelBtf;
    if there {
        return Finding::fine(code, format!("the kernel has BTF: {VMLINUX}"));
    }
    Finding::warning(
        code,
        "the kernel has no BTF: tp_btf, fentry and lsm programs cannot be loaded",
    )
    .because(format!("{VMLINUX} does not exist"))
    .fix("boot a kernel with CONFIG_DEBUG_INFO_BTF=y, or, if sysfs is not mounted: mount -t sysfs sysfs /sys")
}

fn syscall(facts: &Facts) -> Finding {
    let code = Code::BpfSyscall;
    let has_rights = facts.kernel.capabilities.missing_for_bpf().is_empty();
    match facts.syscall {
        Availability::Missing => Finding::warning(code, "the kernel has no bpf syscall")
            .fix("boot a kernel with CONFIG_BPF_SYSCALL=y"),
        Availability::Denied if has_rights => {
            Finding::warning(code, "this process is not permitted to call bpf(2)")
                .because(
                    "it has the required capabilities, so the cause is probably a seccomp filter, \
                     such as that of a container",
                )
                .fix("start the container with --privileged, or --security-opt seccomp=unconfined")
        }
        // Without the rights, it is the capabilities that are missing.
        Availability::Denied | Availability::Answers => {
            Finding::fine(code, "the kernel has the bpf syscall")
        }
    }
}

fn capabilities(kernel: &Kernel) -> Finding {
    let code = Code::BpfCapabilities;
    let missing = kernel.capabilities.missing_for_bpf();
    if missing.is_empty() {
        return Finding::fine(code, "this process can load BPF programs");
    }
    let message = if missing.contains(&Capability::Bpf) {
        "this process cannot load BPF programs"
    } else {
        "this process can load only some types of BPF programs"
    };
    let names: Vec<&str> = missing.into_iter().map(Capability::name).collect();
    if in_user_namespace() {
        return Finding::warning(code, "this process cannot load BPF programs")
            .because("BPF requires capabilities in the initial user namespace")
            .fix("run the command as root, outside of the user namespace");
    }
    Finding::warning(code, message)
        .because(format!("missing: {}", names.join(", ")))
        .fix("run as root; `cargo ebpf run` itself starts the loader with sudo")
}

fn jit(facts: &Facts) -> Finding {
    let code = Code::BpfJit;
    match facts.jit.as_deref().map(str::trim) {
        Some("0") => Finding::warning(code, "the BPF JIT is off: programs are interpreted, which \
                                             is slow")
            .fix("sysctl net.core.bpf_jit_enable=1"),
        Some(_) => Finding::fine(code, "the BPF JIT is on"),
        // Only root reads it, and only outside of network namespaces.
        None => Finding::warning(code, "could not determine whether the BPF JIT is on")
            .because("/proc/sys/net/core/bpf_jit_enable cannot be read by this user, or in this container")
            .fix("check it as root: sudo sysctl net.core.bpf_jit_enable"),
    }
}

fn tracefs(facts: &Facts) -> Finding {
    let code = Code::Tracefs;
    match facts.mounts.as_deref().and_then(tracefs_mount) {
        Some(folder) => Finding::fine(code, format!("tracefs is mounted on {folder}")),
        None => Finding::warning(code, "tracefs is not mounted")
            .because(
                "tracepoints and kprobes are attached through it; BTF tracepoints do not \
                 need it",
            )
            .fix("mount -t tracefs tracefs /sys/kernel/tracing"),
    }
}

/// Where tracefs is mounted, by a table as in /proc/self/mounts.
fn tracefs_mount(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let folder = fields.next()?;
        (fields.next()? == "tracefs").then_some(folder)
    })
}

fn memlock(facts: &Facts) -> Option<Finding> {
    let code = Code::Memlock;
    if facts.kernel.version >= NO_MEMLOCK {
        return Some(Finding::fine(
            code,
            "BPF memory does not count towards RLIMIT_MEMLOCK",
        ));
    }
    let limit = memlock_limit(facts.limits.as_deref()?)?;
    Some(match limit {
        Limit::Unlimited => Finding::fine(code, "RLIMIT_MEMLOCK is unlimited"),
        Limit::Bytes(bytes) => Finding::warning(code, format!("RLIMIT_MEMLOCK is {bytes} bytes"))
            .because("before Linux 5.11, all maps and programs of a user count towards it")
            .fix("run as root, or set memlock to unlimited in /etc/security/limits.conf and log in again"),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Unlimited,
    Bytes(u64),
}

/// The soft limit in the `Max locked memory` line of /proc/PID/limits.
fn memlock_limit(limits: &str) -> Option<Limit> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(Limit::Unlimited),
        bytes => bytes.parse().ok().map(Limit::Bytes),
    }
}

/// Silent where the kernel has no lockdown at all.
fn lockdown(facts: &Facts) -> Option<Finding> {
    let code = Code::Lockdown;
    let mode = lockdown_mode(facts.lockdown.as_deref()?)?;
    Some(match mode {
        "confidentiality" => Finding::warning(code, "kernel lockdown is in confidentiality mode")
            .because("in this mode, BPF programs cannot read kernel memory")
            .fix("boot with lockdown=integrity or without lockdown (Secure Boot can enable it)"),
        mode => Finding::fine(
            code,
            format!("lockdown is {mode}: BPF may read kernel memory"),
        ),
    })
}

/// The chosen one in `none [integrity] confidentiality`.
fn lockdown_mode(lockdown: &str) -> Option<&str> {
    let (_, rest) = lockdown.split_once('[')?;
    rest.split_once(']').map(|(mode, _)| mode)
}

#[cfg(test)]
mod tests {
    use ebpf_build::Severity;

    use super::*;
    use ebpf_base::capability::Capabilities;

    fn kernel(release: &str, capabilities: u64) -> Kernel {
        Kernel {
            release: release.to_owned(),
            version: KernelVersion::of_release(release).unwrap_or_default(),
            capabilities: Capabilities::of_status(&format!("CapEff:\t{capabilities:016x}\n"))
                .unwrap(),
        }
    }

    /// A kernel where all is well.
    fn well() -> Facts {
        Facts {
            kernel: kernel("6.18.5", u64::MAX),
            btf: true,
            syscall: Availability::Answers,
            jit: Some("1\n".to_owned()),
            mounts: Some(
                "proc /proc proc rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n".to_owned(),
            ),
            limits: None,
            lockdown: Some("none [integrity] confidentiality\n".to_owned()),
        }
    }

    fn failing(facts: &Facts) -> Vec<String> {
        let findings = judge(facts);
        for finding in &findings {
            let fails = finding.severity != Severity::Fine;
            assert_eq!(
                fails,
                finding.fix.is_some(),
                "each failure has a fix: {finding:?}"
            );
            assert!(
                finding.severity != Severity::Error,
                "no kernel keeps a build from working"
            );
        }
        let failing = findings
            .into_iter()
            .filter(|finding| finding.severity != Severity::Fine);
        failing.map(|finding| finding.code.into_owned()).collect()
    }

    #[test]
    fn a_good_kernel_has_no_fault() {
        assert_eq!(failing(&well()), [""; 0]);
        assert_eq!(judge(&well()).len(), 8);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let nothing = Facts {
            kernel: kernel("", 0),
            btf: false,
            syscall: Availability::Missing,
            jit: None,
            mounts: None,
            limits: None,
            lockdown: None,
        };
        assert_eq!(
            failing(&nothing),
            [
                "kernel-version",
                "kernel-btf",
                "bpf-syscall",
                "bpf-capabilities",
                "bpf-jit",
                "tracefs"
            ]
        );
    }

    #[test]
    fn versions_have_two_thresholds() {
        let message = |release| release_finding(release).message;
        assert!(message("4.9.0-19-amd64").contains("older than 4.18"));
        assert!(message("4.18.0-553.el8_10.x86_64").contains("older than the recommended 5.2"));
        assert_eq!(
            message("5.2.0"),
            "Linux 5.2.0 is recent enough (5.2 or newer is recommended)"
        );
        assert!(message("10.0-rc1").starts_with("Linux 10.0-rc1 is recent enough"));
    }

    fn release_finding(release: &str) -> Finding {
        super::release(&kernel(release, 0))
    }

    #[test]
    fn memlock_matters_before_5_11_only() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max locked memory         65536                65536                bytes     \n";
        let old = Facts {
            kernel: kernel("5.10.0", u64::MAX),
            limits: Some(limits.to_owned()),
            ..well()
        };
        assert_eq!(failing(&old), ["memlock"]);
        let unlimited = Facts {
            limits: Some(limits.replace("65536  ", "unlimited")),
            ..old.clone()
        };
        assert_eq!(failing(&unlimited), [""; 0]);
        let newer = Facts {
            kernel: kernel("5.11.0", u64::MAX),
            ..old
        };
        assert_eq!(failing(&newer), [""; 0]);
    }

    #[test]
    fn a_denied_syscall_is_a_container_only_with_all_capabilities() {
        let with = |capabilities| {
            failing(&Facts {
                kernel: kernel("6.18.5", capabilities),
                syscall: Availability::Denied,
                ..well()
            })
        };
        assert_eq!(with(u64::MAX), ["bpf-syscall"]);
        assert_eq!(with(0), ["bpf-capabilities"]);
    }

    #[test]
    fn lockdown_stops_reads_in_one_mode_only() {
        let with = |mode: &str| {
            failing(&Facts {
                lockdown: Some(mode.to_owned()),
                ..well()
            })
        };
        assert_eq!(with("none integrity [confidentiality]"), ["lockdown"]);
        assert_eq!(with("[none] integrity confidentiality"), [""; 0]);
    }

    #[test]
    fn the_jit_may_be_off_or_unreadable() {
        let with = |jit: Option<&str>| {
            judge(&Facts {
                jit: jit.map(str::to_owned),
                ..well()
            })[4]
                .clone()
        };
        assert!(with(Some("0\n")).fix.unwrap().starts_with("sysctl"));
        assert!(with(None).message.contains("could not determine"));
        assert_eq!(with(Some("2\n")).severity, Severity::Fine);
    }
}
