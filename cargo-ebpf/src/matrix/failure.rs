//! Why an agent's reply ended early, as a finding.

use ebpf_base::untrusted;
use ebpf_build::Finding;
use ebpf_kernels::{
    KernelTarget,
    guest::{Breakdown, Console},
};

use crate::{
    agent::{Deadline, Ended},
    code::Code,
};

/// What was going on when a reply ended early.
pub(super) struct FailureContext<'a> {
    /// Where the agent ran.
    pub(super) kernel: &'a KernelTarget,
    /// Its release, if it is known.
    pub(super) release: Option<&'a str>,
    /// Whether the agent began to reply.
    pub(super) up: bool,
    /// ` while it ...`, if that is known.
    pub(super) doing: Option<String>,
    /// A guest's memory, in MiB.
    pub(super) memory: u32,
    /// The finding for a step that took too long, from its message.
    pub(super) slow: fn(String) -> Finding,
}

impl FailureContext<'_> {
    /// Why the reply ended.
    pub(super) fn finding(&self, console: Option<&Console>, ended: &Ended) -> Finding {
        let label = match self.release {
            Some(release) => format!("Linux {}", untrusted::name(release)),
            None => format!("the kernel {}", self.kernel.label()),
        };
        let guest = console.is_some();
        // What is ended: the kernel itself is not, on the host.
        let ending = if guest {
            format!("the guest with {label}")
        } else {
            format!("the process that loads programs on {label}")
        };
        let doing = self.doing.as_deref().unwrap_or_default();
        match (console.and_then(Console::breakdown), ended) {
            (Some(Breakdown::OutOfMemory), _) => Finding::error(
                Code::GuestOutOfMemory,
                format!(
                    "{label} ran out of its {} MiB of memory{doing}",
                    self.memory
                ),
            )
            .fix("give it more memory, such as: --guest-memory 2048"),
            (Some(Breakdown::Initramfs(reason)), _) => no_boot(format!(
                "{label} did not boot: it could not unpack its initramfs: {reason}"
            ))
            .fix(format!(
                "give it more memory, as {} MiB may be too little, such as: --guest-memory 2048",
                self.memory
            )),
            (Some(Breakdown::Panic(reason)), _) => Finding::error(
                Code::KernelPanicked,
                format!("{label} panicked{doing}: {reason}"),
            ),
            (None, Ended::TimedOut(Deadline::Step(limit))) => (self.slow)(format!(
                "{ending} was killed after {} s{doing}",
                limit.as_secs()
            )),
            (None, Ended::TimedOut(deadline)) if !self.up && guest => {
                no_boot(format!("{label} did not boot: {}", in_words(*deadline))).fix(
                    "try again when this machine is less busy; a custom kernel must have serial \
                     ports (8250; PL011 and 8250_pci on arm64), initramfs and devtmpfs built in",
                )
            }
            (None, Ended::Damaged(what)) => Finding::error(
                Code::AnswerDamaged,
                format!("{label} sent a damaged reply{doing}: {what}"),
            ),
            (None, Ended::Closed) if !self.up && guest => no_boot(format!("{label} did not boot"))
                .fix("check that it has enough memory (--guest-memory MIB)"),
            (None, Ended::TimedOut(deadline)) => Finding::error(
                Code::AnswerTimedOut,
                format!("{ending} was killed: {}", in_words(*deadline)),
            ),
            (None, _) => Finding::error(
                Code::AnswerCutOff,
                format!("{label} sent an incomplete reply{doing}"),
            )
            .fix("run the command with --verbose, and report this as a bug with its output"),
        }
    }
}

fn no_boot(message: String) -> Finding {
    Finding::error(Code::GuestNoBoot, message)
}

/// Which deadline passed.
fn in_words(deadline: Deadline) -> String {
    match deadline {
        Deadline::Silence(limit) => {
            format!(
                "it printed and sent nothing for {} s, the time limit",
                limit.as_secs()
            )
        }
        Deadline::Ceiling(limit) => format!(
            "it was still printing after {} s, the time limit",
            limit.as_secs()
        ),
        Deadline::Step(limit) => format!(
            "one step took more than {} s, the time limit",
            limit.as_secs()
        ),
    }
}
