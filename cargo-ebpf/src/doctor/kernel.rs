//! Whether the running kernel can verify and run BPF programs for this user. None of
//! it keeps a build from working.

use std::{fs, path::Path};

use ebpf_build::Finding;

/// The oldest kernel with BTF.
const OLDEST: Version = Version(4, 18);
/// From here on the verifier takes a million instructions and bounded loops follow.
const ADVISED: Version = Version(5, 2);
/// From here on BPF memory counts towards the cgroup and no longer to RLIMIT_MEMLOCK.
const NO_MEMLOCK: Version = Version(5, 11);

/// Bits of the capability sets, from include/uapi/linux/capability.h.
const CAPABILITIES: [(&str, u32); 3] =
    [("CAP_SYS_ADMIN", 21), ("CAP_PERFMON", 38), ("CAP_BPF", 39)];

/// What the kernel says of itself, as it says it. `None`: the file cannot be read.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// /proc/sys/kernel/osrelease
    release: Option<String>,
    /// /sys/kernel/btf/vmlinux is there.
    btf: bool,
    /// /proc/sys/kernel/unprivileged_bpf_disabled: there when the bpf syscall is.
    unprivileged_disabled: Option<String>,
    /// /proc/self/status
    status: Option<String>,
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
        Self {
            release: read("/proc/sys/kernel/osrelease"),
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            unprivileged_disabled: read("/proc/sys/kernel/unprivileged_bpf_disabled"),
            status: read("/proc/self/status"),
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
    let version = facts.release.as_deref().and_then(Version::parse);
    [
        Some(release(facts, version)),
        Some(btf(facts)),
        Some(syscall(facts)),
        Some(capabilities(facts)),
        Some(jit(facts)),
        Some(tracefs(facts)),
        memlock(facts, version),
        lockdown(facts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn release(facts: &Facts, version: Option<Version>) -> Finding {
    let code = "kernel-version";
    let release = facts.release.as_deref().unwrap_or("unknown").trim();
    match version {
        Some(version) if version >= ADVISED => Finding::fine(code, format!("Linux {release}")),
        Some(version) if version >= OLDEST => {
            Finding::warning(code, format!("Linux {release} is older than 5.2"))
                .because("it takes 4096 instructions a program, and lacks much of BPF")
                .fix("boot Linux 5.2 or newer")
        }
        Some(_) => Finding::warning(code, format!("Linux {release} is older than 4.18"))
            .because("it has no BTF")
            .fix("boot Linux 5.2 or newer"),
        None => Finding::warning(code, format!("the kernel's release is {release}"))
            .because("/proc/sys/kernel/osrelease names no version")
            .fix("mount -t proc proc /proc"),
    }
}

fn btf(facts: &Facts) -> Finding {
    let code = "kernel-btf";
    if facts.btf {
        return Finding::fine(code, "the kernel has BTF: /sys/kernel/btf/vmlinux");
    }
    Finding::warning(code, "the kernel has no BTF")
        .because("/sys/kernel/btf/vmlinux is not there: programs on BTF tracepoints cannot load")
        .fix("boot a kernel with CONFIG_DEBUG_INFO_BTF=y, or: mount -t sysfs sysfs /sys")
}

fn syscall(facts: &Facts) -> Finding {
    let code = "bpf-syscall";
    if facts.unprivileged_disabled.is_some() {
        return Finding::fine(code, "the kernel has the bpf syscall");
    }
    Finding::warning(code, "the kernel has no bpf syscall")
        .because("/proc/sys/kernel/unprivileged_bpf_disabled is not there")
        .fix("boot a kernel with CONFIG_BPF_SYSCALL=y")
}

fn capabilities(facts: &Facts) -> Finding {
    let code = "bpf-capabilities";
    let effective = facts.status.as_deref().and_then(effective_capabilities);
    let has = |wanted: &str| {
        CAPABILITIES.iter().any(|(name, bit)| {
            *name == wanted && effective.is_some_and(|effective| effective >> bit & 1 == 1)
        })
    };
    if has("CAP_SYS_ADMIN") || (has("CAP_BPF") && has("CAP_PERFMON")) {
        return Finding::fine(code, "this user may load BPF programs");
    }
    let lacking: Vec<&str> = ["CAP_BPF", "CAP_PERFMON"]
        .into_iter()
        .filter(|name| !has(name))
        .collect();
    let unprivileged = match facts.unprivileged_disabled.as_deref().map(str::trim) {
        Some("0") => "; unprivileged programs are allowed, but only socket filters",
        _ => "",
    };
    Finding::warning(code, "this user may not load tracing programs")
        .because(format!("it lacks {}{unprivileged}", lacking.join(" and ")))
        .fix("run as root; `cargo ebpf run` asks sudo for the loader by itself")
}

/// The `CapEff` line of /proc/PID/status.
fn effective_capabilities(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn jit(facts: &Facts) -> Finding {
    let code = "bpf-jit";
    match facts.jit.as_deref().map(str::trim) {
        Some("0") => Finding::warning(code, "the BPF JIT is off: programs are interpreted, and slow")
            .fix("sysctl net.core.bpf_jit_enable=1"),
        Some(_) => Finding::fine(code, "the BPF JIT is on"),
        // Only root reads it, and only outside of network namespaces.
        None => Finding::warning(code, "whether the BPF JIT is on cannot be read here")
            .because("/proc/sys/net/core/bpf_jit_enable cannot be read by this user, or in this container")
            .fix("sudo sysctl net.core.bpf_jit_enable"),
    }
}

fn tracefs(facts: &Facts) -> Finding {
    let code = "tracefs";
    match facts.mounts.as_deref().and_then(tracefs_mount) {
        Some(folder) => Finding::fine(code, format!("tracefs is mounted on {folder}")),
        None => Finding::warning(code, "tracefs is not mounted")
            .because("tracepoints and kprobes are attached through it; BTF tracepoints do without")
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

fn memlock(facts: &Facts, version: Option<Version>) -> Option<Finding> {
    let code = "memlock";
    if version.is_some_and(|version| version >= NO_MEMLOCK) {
        return Some(Finding::fine(
            code,
            "BPF memory does not count towards RLIMIT_MEMLOCK",
        ));
    }
    let limit = memlock_limit(facts.limits.as_deref()?)?;
    Some(match limit {
        Limit::Unlimited => Finding::fine(code, "RLIMIT_MEMLOCK is unlimited"),
        Limit::Bytes(bytes) => Finding::warning(code, format!("RLIMIT_MEMLOCK is {bytes} bytes"))
            .because("before Linux 5.11 all maps and programs of a user count towards it")
            .fix("ulimit -l unlimited"),
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
    let code = "lockdown";
    let mode = lockdown_mode(facts.lockdown.as_deref()?)?;
    Some(match mode {
        "confidentiality" => {
            Finding::warning(code, "the kernel is locked down for confidentiality")
                .because("BPF programs may not read kernel memory")
                .fix("boot with lockdown=integrity or without, e.g. with Secure Boot off")
        }
        mode => Finding::fine(
            code,
            format!("lockdown is {mode}: BPF may read kernel memory"),
        ),
    })
}

/// The chosen one in "none [integrity] confidentiality".
fn lockdown_mode(lockdown: &str) -> Option<&str> {
    let (_, rest) = lockdown.split_once('[')?;
    rest.split_once(']').map(|(mode, _)| mode)
}

/// Major and minor version of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    /// Reads "6.18.5-cloud-amd64" and its kin.
    fn parse(release: &str) -> Option<Self> {
        let mut numbers = release
            .trim()
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().ok());
        Some(Self(numbers.next()??, numbers.next()??))
    }
}

#[cfg(test)]
mod tests {
    use ebpf_build::Severity;

    use super::*;

    /// A kernel where all is well.
    fn well() -> Facts {
        Facts {
            release: Some("6.18.5\n".to_owned()),
            btf: true,
            unprivileged_disabled: Some("2\n".to_owned()),
            status: Some("Name:\tx\nCapEff:\t000001ffffffffff\n".to_owned()),
            jit: Some("1\n".to_owned()),
            mounts: Some(
                "proc /proc proc rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n".to_owned(),
            ),
            limits: None,
            lockdown: Some("none [integrity] confidentiality\n".to_owned()),
        }
    }

    fn failing(facts: &Facts) -> Vec<&'static str> {
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
            .iter()
            .filter(|finding| finding.severity != Severity::Fine);
        failing.map(|finding| finding.code).collect()
    }

    #[test]
    fn a_good_kernel_has_no_fault() {
        assert_eq!(failing(&well()), [""; 0]);
        assert_eq!(judge(&well()).len(), 8);
    }

    #[test]
    fn a_kernel_that_says_nothing_is_no_panic() {
        assert_eq!(
            failing(&Facts::default()),
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
    fn versions_are_compared_by_number() {
        let with = |release: &str| {
            failing(&Facts {
                release: Some(release.to_owned()),
                ..well()
            })
        };
        assert_eq!(with("4.9.0-19-amd64"), ["kernel-version"]);
        assert_eq!(with("4.18.0-553.el8_10.x86_64"), ["kernel-version"]);
        assert_eq!(with("5.2.0"), [""; 0]);
        assert_eq!(with("5.10.223-cloud"), [""; 0]);
        assert_eq!(with("10.0-rc1"), [""; 0]);
        assert_eq!(with("next"), ["kernel-version"]);
    }

    #[test]
    fn memlock_matters_before_5_11_only() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max locked memory         65536                65536                bytes     \n";
        let old = Facts {
            release: Some("5.10.0".to_owned()),
            limits: Some(limits.to_owned()),
            ..well()
        };
        assert_eq!(failing(&old), ["memlock"]);
        let unlimited = limits.replace("65536  ", "unlimited");
        assert_eq!(
            failing(&Facts {
                limits: Some(unlimited),
                ..old.clone()
            }),
            [""; 0]
        );
        assert_eq!(
            failing(&Facts {
                release: Some("5.11".to_owned()),
                ..old
            }),
            [""; 0]
        );
    }

    #[test]
    fn either_admin_or_both_new_capabilities_will_do() {
        let with = |bits: u64| {
            failing(&Facts {
                status: Some(format!("CapEff:\t{bits:016x}\n")),
                ..well()
            })
        };
        assert_eq!(with(1 << 21), [""; 0]);
        assert_eq!(with(1 << 38 | 1 << 39), [""; 0]);
        assert_eq!(with(1 << 39), ["bpf-capabilities"]);
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
        assert!(with(None).message.contains("cannot be read"));
        assert_eq!(with(Some("2\n")).severity, Severity::Fine);
    }
}
