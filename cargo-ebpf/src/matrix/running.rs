//! The other end while it is asked, be it a process here or a guest, and what is said
//! when it breaks down.

use std::{path::Path, process::ChildStdout, time::Duration};

use ebpf_base::untrusted;
use ebpf_build::{Finding, Result};
use ebpf_kernels::{
    KernelTarget,
    guest::{Accelerator, Breakdown, Console, Executable, Initramfs, Machine, fastest_accelerator},
    process::RunningProgram,
};

use super::Settings;
use crate::{
    agent::{self, Answer, Deadline, Ended, Limits, Request},
    code::Code,
    host::{executable::this_program, exit::ending, process::Spawner},
    kernels,
};

/// How long a kernel may print nothing while it boots and between two programs. An
/// emulated one prints several lines a second when it boots alone, in 3 s.
const SILENCE: Duration = Duration::from_secs(90);

/// How long a boot may take however much the kernel prints: 300 times what it takes alone.
const CEILING: Duration = Duration::from_secs(900);

/// What all guests have in common.
pub(super) struct Guests {
    pub(super) machine: Machine,
    pub(super) initramfs: Initramfs,
}

impl Guests {
    /// What guests need, if any of `kernels` is to be booted.
    ///
    /// # Errors
    /// When qemu is missing, this program cannot be read, or after Ctrl-C.
    pub(super) fn prepare(
        kernels: &[KernelTarget],
        settings: &Settings,
        spawner: &Spawner,
    ) -> Result<Option<Self>> {
        let image = kernels.iter().find_map(|kernel| match kernel {
            KernelTarget::Host => None,
            KernelTarget::Image(image) => Some(image),
        });
        image
            .map(|image| Self::with(&image.path, settings, spawner))
            .transpose()
    }

    fn with(kernel: &Path, settings: &Settings, spawner: &Spawner) -> Result<Self> {
        let program = Executable::read(&this_program()?, spawner)?;
        let initramfs = Initramfs::new(&program, &agent::GUEST_ARGUMENTS)?;
        let mut empty = initramfs.clone();
        empty.add_request(&Request::default().bytes())?;
        let proof = kernels::kvm_proof();
        let mut machine = Machine::new(fastest_accelerator(
            kernel,
            &empty,
            proof.as_deref(),
            spawner,
            replies,
        )?);
        machine.memory = settings.memory;
        Ok(Self { machine, initramfs })
    }

    /// What runs the instructions of `kernel`; none for the machine's own.
    pub(super) fn accelerator(guests: Option<&Self>, kernel: &KernelTarget) -> Option<Accelerator> {
        match kernel {
            KernelTarget::Host => None,
            KernelTarget::Image(_) => guests.map(|guests| guests.machine.accelerator),
        }
    }
}

/// Whether a guest replies to the empty request: with KVM, one boots in 1 s where it works.
fn replies(output: ChildStdout) -> Result<bool> {
    const PROBE: Duration = Duration::from_secs(5);
    let limits = Limits {
        silence: PROBE,
        ceiling: PROBE,
        // The empty request has no steps.
        step: Duration::from_secs(1),
    };
    Ok(agent::follow(output, limits, || 0, |_| {})? == Ended::Done)
}

/// The other end, while it is asked.
pub(super) struct Running {
    program: RunningProgram,
    /// A guest's.
    pub(super) console: Option<Console>,
}

impl Running {
    /// Asks `kernel`.
    ///
    /// # Errors
    /// When qemu is missing, or the other end cannot be started.
    pub(super) fn start(
        kernel: &KernelTarget,
        request: &Request,
        guests: Option<&Guests>,
        spawner: &Spawner,
    ) -> Result<Self> {
        if let (KernelTarget::Image(image), Some(guests)) = (kernel, guests) {
            let mut initramfs = guests.initramfs.clone();
            initramfs.add_request(&request.bytes())?;
            let guest = guests.machine.boot(&image.path, initramfs, spawner)?;
            return Ok(Self {
                program: guest.program,
                console: Some(guest.console),
            });
        }
        Ok(Self {
            program: spawner
                .program(this_program()?)
                .arg(agent::COMMAND)
                .converse_about(request.bytes())?,
            console: None,
        })
    }

    /// Hears the answer to its end.
    ///
    /// # Errors
    /// After Ctrl-C.
    pub(super) fn follow(&mut self, timeout: Duration, each: impl FnMut(Answer)) -> Result<Ended> {
        let limits = Limits {
            silence: SILENCE,
            ceiling: CEILING,
            step: timeout,
        };
        let console = self.console.as_ref();
        let printed = || console.map_or(0, Console::printed);
        match self.program.output() {
            Some(output) => agent::follow(output, limits, printed, each),
            None => Ok(Ended::Closed),
        }
    }

    /// Ends it, and adds to `finding` what it said last.
    pub(super) fn explain(self, finding: Finding) -> Finding {
        // Nothing that was printed adds to a cause that is known.
        if finding.cause.is_some() {
            return finding;
        }
        let (status, said) = self.program.end();
        let mut cause = Vec::new();
        cause.extend((!said.is_empty()).then(|| untrusted::lines(&said).into_owned()));
        cause.extend(self.console.iter().flat_map(Console::tail));
        if cause.is_empty() {
            cause.push(match status {
                // qemu is told to end then.
                Some(status) if status.success() && self.console.is_some() => {
                    "it reset itself before it printed anything".to_owned()
                }
                Some(status) => format!("it ended with {} and printed nothing", ending(status)),
                None => "it printed nothing".to_owned(),
            });
        }
        finding.because(cause.join("\n"))
    }
}

/// What was going on when an answer ended early.
pub(super) struct Scene<'a> {
    /// Who was asked.
    pub(super) kernel: &'a KernelTarget,
    /// Its release, if it came up.
    pub(super) release: Option<&'a str>,
    /// ` while it ...`, if it had something in hand.
    pub(super) doing: Option<String>,
    /// A guest's memory, in MiB.
    pub(super) memory: u32,
    /// What is said when it took too long over that.
    pub(super) slow: fn(String) -> Finding,
}

impl Scene<'_> {
    /// Why the answer ended.
    pub(super) fn breakdown(&self, console: Option<&Console>, ended: &Ended) -> Finding {
        let label = match self.release {
            Some(release) => format!("Linux {}", untrusted::name(release)),
            None => format!("the kernel {}", self.kernel.label()),
        };
        let doing = self.doing.as_deref().unwrap_or_default();
        match (console.and_then(Console::breakdown), ended) {
            (Some(Breakdown::OutOfMemory), _) => Finding::error(
                Code::GuestOutOfMemory,
                format!("{label} ran out of its {} MiB of memory{doing}", self.memory),
            )
            .fix("give it more, such as: --guest-memory 2048"),
            (Some(Breakdown::Panic(reason)), _) => {
                Finding::error(Code::KernelPanicked, format!("{label} panicked{doing}: {reason}"))
            }
            (None, Ended::TimedOut(Deadline::Step(limit))) => (self.slow)(format!(
                "{label} was ended after {} s{doing}",
                limit.as_secs()
            )),
            (None, Ended::TimedOut(deadline)) if self.release.is_none() => no_boot(format!(
                "{label} did not come up: {}",
                in_words(*deadline)
            ))
            .fix("try again on a machine with less to do; a kernel of your own needs a serial console (8250), initramfs and devtmpfs built in"),
            (None, Ended::Damaged(what)) => Finding::error(
                Code::AnswerDamaged,
                format!("the answer of {label} arrived damaged{doing}: {what}"),
            ),
            (None, _) if self.release.is_none() => {
                no_boot(format!("{label} did not come up"))
                    .fix("is it for x86-64, and is its memory enough (--guest-memory MIB)?")
            }
            (None, Ended::TimedOut(deadline)) => Finding::error(
                Code::AnswerTimedOut,
                format!("{label} sent nothing more: {}", in_words(*deadline)),
            ),
            (None, _) => Finding::error(Code::AnswerCutOff, format!("the answer of {label} broke off{doing}")),
        }
    }
}

fn no_boot(message: String) -> Finding {
    Finding::error(Code::GuestNoBoot, message)
}

/// Which deadline passed.
fn in_words(deadline: Deadline) -> String {
    match deadline {
        Deadline::Silence(limit) => format!("it printed nothing for {} s", limit.as_secs()),
        Deadline::Ceiling(limit) => format!(
            "it was still printing after {} s, the most that it may take",
            limit.as_secs()
        ),
        Deadline::Step(limit) => format!("it worked on one step for {} s", limit.as_secs()),
    }
}
