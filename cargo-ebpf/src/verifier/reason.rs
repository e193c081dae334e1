//! Why a program was not loaded, where the verifier printed nothing: derived from this kernel and
//! the capabilities of this process.

use std::io;

use ebpf_base::{capability::in_user_namespace, untrusted};
use ebpf_build::Finding;
use ebpf_object::Hook;

use super::{
    attach_target::needs_trampoline,
    observation::{Observed, VerifierLog},
    outcome::Outcome,
};
use crate::{code::Code, host::kernel::Kernel};

/// The program did not get as far as the kernel.
pub(super) fn not_tried(message: String, cause: &str, fix: &str) -> Observed {
    Outcome::Skipped(finding(Code::ProgramNotTried, message, cause, fix))
}

/// It could not be made what its loader would make of it.
pub(super) fn not_linked(cause: &str) -> Observed {
    Outcome::NotLinked(finding(
        Code::ProgramNotLinked,
        "this program refers to a symbol that its loader does not resolve".to_owned(),
        cause,
        "",
    ))
}

/// Its accesses to kernel structures could not be fitted to the kernel.
pub(super) fn not_fitted(cause: &str, fix: &str) -> Observed {
    Outcome::NotLinked(finding(
        Code::CoreRelocation,
        "its CO-RE relocations could not be applied on this kernel".to_owned(),
        cause,
        fix,
    ))
}

/// The kernel has no place for such a program.
pub(super) fn unsupported(message: String, cause: &str, fix: &str) -> Observed {
    Outcome::Unsupported(finding(Code::KernelUnsupported, message, cause, fix))
}

/// The kernel has not what the program is to be attached to.
pub(super) fn no_target(message: String, cause: &str, fix: &str) -> Observed {
    Outcome::Unsupported(finding(Code::AttachTarget, message, cause, fix))
}

/// A map that the program uses could not be made.
pub(super) fn no_map(map: &Finding) -> Observed {
    let mut finding = map.clone();
    let cause = finding.cause.iter().map(|cause| format!(": {cause}"));
    finding.cause = Some(format!("{}{}", finding.message, cause.collect::<String>()));
    finding.message = "it uses a map that could not be created".to_owned();
    Outcome::Skipped(finding)
}

/// An error with what is known of it: empty is unknown.
fn finding(code: Code, message: String, cause: &str, fix: &str) -> Finding {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut finding = Finding::error(code, message);
    finding.cause = known(cause);
    finding.fix = known(fix);
    finding
}

/// A refusal for which the verifier gave no reason.
pub(super) fn silent(
    kernel: &Kernel,
    memlock: &io::Result<()>,
    hook: &Hook,
    error: &io::Error,
    whole_kind: bool,
) -> Observed {
    let kind = hook.program_type;
    let no_permission = error.raw_os_error() == Some(libc::EPERM);
    if no_permission && lacks_rights(kernel) {
        return no_rights(kernel);
    }
    if no_permission && memlock.is_err() {
        return Outcome::Skipped(finding(
            Code::MemlockLimit,
            "the limit on locked memory is too low for BPF".to_owned(),
            &format!(
                "Linux {} counts the memory of BPF maps and programs towards RLIMIT_MEMLOCK",
                release(kernel)
            ),
            "run as root, or set memlock to unlimited in /etc/security/limits.conf and log in again",
        ));
    }
    // A kernel without the architecture's trampolines says ENOTSUPP, which has no name
    // outside of it (include/linux/errno.h).
    const NOT_SUPPORTED: i32 = 524;
    let refused = no_permission || error.raw_os_error() == Some(NOT_SUPPORTED);
    if whole_kind && refused && needs_trampoline(hook.target) {
        return unsupported(
            format!(
                "Linux {} rejects programs that need a BPF trampoline, such as this one",
                release(kernel)
            ),
            &format!("{error}, even for a minimal program at this hook"),
            "use a tracepoint (tp_btf) on this kernel, or another kernel",
        );
    }
    if whole_kind {
        return unsupported(
            format!(
                "Linux {} does not support {kind} programs for {}",
                release(kernel),
                hook.place
            ),
            &format!("{error}, even for a minimal program of this type"),
            "use another hook on this kernel, or another kernel",
        );
    }
    Outcome::Rejected(VerifierLog {
        errno: error.raw_os_error().unwrap_or_default(),
        log: String::new(),
        truncated: false,
    })
}

/// This process may not load programs.
pub(super) fn no_rights(kernel: &Kernel) -> Observed {
    let missing = kernel.capabilities.missing_for_bpf();
    let names: Vec<_> = missing.iter().map(|capability| capability.name()).collect();
    Outcome::PermissionDenied(finding(
        Code::NoRights,
        "this process is not permitted to load BPF programs".to_owned(),
        &if in_user_namespace() {
            "it is in a user namespace, as in a rootless container: BPF requires capabilities in \
             the initial user namespace"
                .to_owned()
        } else {
            format!("missing: {}", names.join(", "))
        },
        // Only the process that the user started knows the command to repeat.
        "",
    ))
}

/// Whether refusals may be for want of capabilities.
pub(super) fn lacks_rights(kernel: &Kernel) -> bool {
    !kernel.capabilities.missing_for_bpf().is_empty()
}

/// The kernel's release, for sentences.
pub(super) fn release(kernel: &Kernel) -> String {
    untrusted::name(&kernel.release)
}
