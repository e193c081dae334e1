//! What each kernel is expected to say: it accepts a program, but for what stands here
//! with the reason. Each was looked at once by hand, and where bpftool takes such an
//! object, held against what libbpf says to it.

use serde_json::Value;

use Verdict::{NotLinked, NotTried, Refused, Unsupported};

/// Anything but "accepted", as `verify` calls it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    NotLinked,
    NotTried,
    Refused,
    Unsupported,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            NotLinked => "not-linked",
            NotTried => "not-tried",
            Refused => "refused",
            Unsupported => "unsupported",
        }
    }
}

/// Programs that kernels do not accept.
#[derive(Debug)]
pub(crate) struct Exception {
    /// The object's name.
    object: &'static str,
    /// The programs; empty: all of them.
    programs: &'static [&'static str],
    /// The kernels as `verify` names them; empty: all of them.
    kernels: &'static [&'static str],
    verdict: Verdict,
    /// A part of what is said, so that it is for this reason and no other.
    reason: &'static str,
}

const fn exception(
    object: &'static str,
    programs: &'static [&'static str],
    kernels: &'static [&'static str],
    verdict: Verdict,
    reason: &'static str,
) -> Exception {
    Exception {
        object,
        programs,
        kernels,
        verdict,
        reason,
    }
}

/// The machine of a test may have any kernel; the one that this was made on has no BPF
/// trampolines.
const HOST: &str = "host";
const NO_TRAMPOLINES: &str = "rejects programs that need a BPF trampoline";
/// An instruction that stands for an access that CO-RE could not fit.
const NO_SUCH_FIELD: &str = "a field or a type that this kernel does not have (CO-RE)";
/// The target that xdpdump puts in place of `func` before it loads.
const MADE_UP: &str = "has no function `func`";
const UNRESOLVED: &str = "is neither defined in the object nor declared in its BTF";
const OLD_SLEEPABLE: &str = "Only fentry/fexit/fmod_ret and lsm programs can be sleepable";

#[rustfmt::skip]
const EXCEPTIONS: &[Exception] = &[
    exception("libxdp1-xdpdump_bpf", &[], &[], Unsupported, MADE_UP),

    // The object takes the tracepoint's arguments by the kernel's version, and Debian's 5.10 has
    // those of 5.11.
    exception("libbpf-tools-biolatency", &["block_rq_insert_btf", "block_rq_issue_btf"], &["5.10"], Refused, "doesn't have 2-th argument"),
    // inet_sock lost `freebind` as a bit field of its own in Linux 6.6.
    exception("libbpf-tools-bindsnoop", &["ipv4_bind_exit", "ipv6_bind_exit"], &["6.12", "7.3", HOST], Refused, NO_SUCH_FIELD),
    exception("libbpf-tools-vfsstat", &["fentry_vfs_create", "fentry_vfs_fsync", "fentry_vfs_open", "fentry_vfs_read", "fentry_vfs_write"], &[HOST], Unsupported, NO_TRAMPOLINES),

    // None of the kernels has CONFIG_BPF_LIRC_MODE2.
    exception("ir-keytable-grundig", &[], &[], Unsupported, "does not support lirc_mode2 programs"),
    exception("ir-keytable-manchester", &[], &[], Unsupported, "does not support lirc_mode2 programs"),

    exception("golang-github-cilium-ebpf-dev-fwd_decl-el", &[], &[], NotLinked, UNRESOLVED),
    // Functions in sections of their own, which other programs call.
    exception("golang-github-cilium-ebpf-dev-loader-clang-9-el", &["static_fn", "global_fn3"], &[], NotTried, "does not contain a known program type"),
    exception("golang-github-cilium-ebpf-dev-loader-clang-14-el", &["static_fn", "global_fn3"], &[], NotTried, "does not contain a known program type"),
    exception("golang-github-cilium-ebpf-dev-loader-clang-9-el", &["asm_relocation"], &[], NotLinked, UNRESOLVED),
    exception("golang-github-cilium-ebpf-dev-loader-clang-14-el", &["asm_relocation"], &[], NotLinked, UNRESOLVED),
    exception("golang-github-cilium-ebpf-dev-strings-el", &["filter"], &[], Refused, "cannot call GPL-restricted function from non-GPL compatible program"),

    // Its author loads it where V8 is profiled only: an index read anew is not checked.
    exception("profile-bee-profile-bee.bpf", &["fp_v8_unwind_step"], &[], Refused, "math between map_value pointer and register with unbounded min value"),
    // bpf_get_current_task_btf, of Linux 5.11.
    exception("profile-bee-profile-bee.bpf", &["raw_tp_with_regs"], &["5.10"], Refused, "invalid func unknown#158"),

    exception("fentry", &[], &[HOST], Unsupported, NO_TRAMPOLINES),
    exception("fexit", &[], &[HOST], Unsupported, NO_TRAMPOLINES),
    exception("lsm", &[], &[HOST], Unsupported, NO_TRAMPOLINES),
    exception("lsm_cgroup", &[], &[HOST], Unsupported, NO_TRAMPOLINES),
    // Only where CONFIG_FUNCTION_ERROR_INJECTION lists system calls as functions that
    // may sleep.
    exception("fentry", &["enter_sleepable"], &["5.10", "6.1", "6.12"], Refused, "__x64_sys_nanosleep is not sleepable"),
    exception("fexit", &["leave_sleepable"], &["5.10", "6.1", "6.12"], Refused, "__x64_sys_nanosleep is not sleepable"),
    // Linux 5.11, 6.0, 6.0, 5.18.
    exception("lsm", &["file_open_sleepable"], &["5.10"], Refused, "bpf_lsm_file_open is not sleepable"),
    exception("lsm_cgroup", &[], &["5.10"], Unsupported, "does not support lsm programs for cgroup security hook"),
    exception("uprobe", &["user_sleepable", "user_multi_sleepable"], &["5.10"], Refused, OLD_SLEEPABLE),
    exception("uretprobe", &["user_return_sleepable"], &["5.10"], Refused, OLD_SLEEPABLE),
    exception("xdp", &["packet_frags", "packet_frags_cpumap", "packet_frags_devmap"], &["5.10"], Unsupported, "(multi-buffer)"),
];

/// What is found in an object as a whole, on every kernel: object, code and a part of
/// the message.
#[rustfmt::skip]
const FINDINGS: &[(&str, &str, &str)] = &[
    // The object's loader sets them.
    ("libbpf-tools-cpudist", "map-size-assumed", "`start`"),
    ("libbpf-tools-cpudist", "map-size-assumed", "`hists`"),
    ("libbpf-tools-offcputime", "map-size-assumed", "`stackmap`"),
    // Nothing but cilium's loader takes these.
    ("golang-github-cilium-ebpf-dev-loader-clang-9-el", "map-refused", "`perf_event_array`"),
    ("golang-github-cilium-ebpf-dev-loader-clang-14-el", "map-refused", "`perf_event_array`"),
    ("golang-github-cilium-ebpf-dev-loader-clang-9-el", "map-refused", "`array_of_hash_map`"),
    ("golang-github-cilium-ebpf-dev-loader-clang-14-el", "map-refused", "`array_of_hash_map`"),
];

/// What is said of an object as a whole and not expected, or expected and not said.
pub(crate) fn surprises(object: &str, findings: &[Value], kernel: &str) -> Vec<String> {
    let is = |finding: &Value, (_, code, part): &(&str, &str, &str)| {
        let message = finding["message"].as_str().unwrap_or_default();
        finding["code"] == **code && message.contains(part)
    };
    let expected: Vec<_> = FINDINGS.iter().filter(|entry| entry.0 == object).collect();
    let unexpected = findings
        .iter()
        .filter(|finding| !expected.iter().any(|entry| is(finding, entry)))
        .map(|finding| format!("{kernel}: {object}: {finding:#}"));
    let missing = expected
        .iter()
        .filter(|entry| !findings.iter().any(|finding| is(finding, entry)))
        .map(|entry| format!("{kernel}: {object}: nothing says {entry:?}"));
    unexpected.chain(missing).collect()
}

impl Exception {
    fn is_for(&self, object: &str, program: &str, kernel: &str) -> bool {
        let one_of = |list: &[&str], name: &str| list.is_empty() || list.contains(&name);
        object == self.object && one_of(self.programs, program) && one_of(self.kernels, kernel)
    }
}

/// What is wrong with the verdict on a program, if anything is.
pub(crate) fn surprise(object: &str, program: &Value, kernel: &str) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, seen) = (text(&program["name"]), text(&program["verdict"]));
    let why = &program["why"];
    // Of a refusal, the verifier's own lines.
    let said = match why["message"].as_array() {
        Some(lines) => lines.iter().map(text).collect::<Vec<_>>().join("\n"),
        None => format!("{}: {}", text(&why["message"]), text(&why["cause"])),
    };
    let expected = EXCEPTIONS
        .iter()
        .find(|exception| exception.is_for(object, &name, kernel));
    let fits = match expected {
        None => seen == "accepted",
        Some(exception) => {
            seen == exception.verdict.name() && said.contains(exception.reason)
                || kernel == HOST && seen == "accepted"
        }
    };
    (!fits).then(|| {
        let expected = expected.map_or_else(
            || "accepted".to_owned(),
            |exception| format!("{}: {}", exception.verdict.name(), exception.reason),
        );
        format!("{kernel}: {object}: {name}: expected {expected}; seen {seen}: {said}")
    })
}
