//! From the kernel's answer to a verdict that says the fact, the cause, and what
//! mends it.

use std::io;

use aya_obj::Function;
use ebpf_build::{Finding, finding::Place};

use super::{
    attach_target::needs_trampoline,
    log::Log,
    type_id,
    verdict::{Rejection, Verdict},
};
use crate::{host::kernel::Kernel, object::Hook, untrusted};

/// The code of findings about programs that the verifier or the kernel refused.
const REFUSED: &str = "verifier-refused";

/// The program did not get as far as the kernel.
pub(super) fn not_tried(message: String, cause: &str, fix: &str) -> Verdict {
    Verdict::NotTried(finding("program-not-tried", message, cause, fix))
}

/// The kernel has no place for such a program.
pub(super) fn unsupported(message: String, cause: &str, fix: &str) -> Verdict {
    Verdict::Unsupported(finding("kernel-unsupported", message, cause, fix))
}

/// An error with what is known of it: empty is unknown.
fn finding(code: &'static str, message: String, cause: &str, fix: &str) -> Finding {
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
    program: &str,
    hook: &Hook,
    error: &io::Error,
    whole_kind: bool,
) -> Verdict {
    let kind = hook.program_type;
    let no_permission = error.raw_os_error() == Some(libc::EPERM);
    if no_permission && lacks_rights(kernel) {
        return no_rights(kernel);
    }
    if no_permission && memlock.is_err() {
        return Verdict::NotTried(finding(
            "memlock-limit",
            "the limit on locked memory leaves no room for BPF".to_owned(),
            &format!(
                "Linux {} counts BPF against RLIMIT_MEMLOCK",
                release(kernel)
            ),
            "ulimit -l unlimited",
        ));
    }
    if whole_kind && needs_trampoline(hook.target) {
        return unsupported(
            format!(
                "Linux {} refuses programs that need a BPF trampoline, as this one does",
                release(kernel)
            ),
            &format!("{error}, also for the smallest program at this hook"),
            "use a tracepoint (tp_btf) on this kernel, or another kernel",
        );
    }
    if whole_kind {
        return unsupported(
            format!(
                "Linux {} does not take programs of type {kind} here",
                release(kernel)
            ),
            &format!("{error}, also for the smallest program of this kind"),
            "use another hook on this kernel, or another kernel",
        );
    }
    let finding = finding(
        REFUSED,
        format!("the kernel refused `{}`", untrusted::name(program)),
        &format!("{error}; it gave no reason, and takes the smallest program of this kind"),
        "compare the object's BTF and license with what the kernel wants",
    );
    Verdict::Refused(Box::new(Rejection {
        finding,
        error: error.to_string(),
        excerpt: Vec::new(),
        omitted_lines: 0,
        log_truncated: false,
        log_file: None,
        log: String::new(),
        diagnosis: None,
        error_number: error.raw_os_error().unwrap_or(0),
    }))
}

/// This process may not load programs.
pub(super) fn no_rights(kernel: &Kernel) -> Verdict {
    let missing = kernel.capabilities.missing_for_bpf();
    let names: Vec<_> = missing.iter().map(|capability| capability.name()).collect();
    Verdict::NoRights(finding(
        "no-rights",
        "this process may not load BPF programs".to_owned(),
        &format!("it has no {}", names.join(", ")),
        "run the same command with sudo",
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

/// A refusal that the verifier explains in `log`. `btf` is what the kernel took of the
/// object's types.
pub(super) fn refused(
    program: &str,
    function: &Function,
    btf: Option<&[u8]>,
    error: &io::Error,
    log: String,
    log_truncated: bool,
) -> Verdict {
    let log = untrusted::lines(&log);
    let excerpt = Log::parse(&log).excerpt();
    let mut finding = Finding::error(
        REFUSED,
        format!("the verifier refused `{}`", untrusted::name(program)),
    );
    finding.cause = Some(if excerpt.message.is_empty() {
        error.to_string()
    } else {
        excerpt.message.join("\n")
    });
    finding.place = excerpt
        .instruction
        .and_then(|instruction| source_place(function, btf?, instruction));
    Verdict::Refused(Box::new(Rejection {
        finding,
        error: error.to_string(),
        excerpt: excerpt.lead,
        omitted_lines: excerpt.omitted,
        log_truncated,
        log_file: None,
        log: log.into_owned(),
        diagnosis: None,
        error_number: error.raw_os_error().unwrap_or(0),
    }))
}

/// The source line of an instruction, from the line records of `.BTF.ext`: the last
/// one at or before it.
fn source_place(function: &Function, btf: &[u8], instruction: u32) -> Option<Place> {
    let record = function
        .line_info
        .line_info
        .iter()
        .filter(|record| record.insn_off <= instruction)
        .max_by_key(|record| record.insn_off)?;
    let file = type_id::string(btf, record.file_name_off)?;
    /// Line and column share a word: BPF_LINE_INFO_LINE_NUM in include/uapi/linux/bpf.h.
    const LINE_SHIFT: u32 = 10;
    Some(Place {
        file: untrusted::name(file).into(),
        line: Some(record.line_col >> LINE_SHIFT).filter(|&line| line > 0),
    })
}
