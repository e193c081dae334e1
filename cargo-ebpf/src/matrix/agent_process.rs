//! The agent while it replies to a request, in a process on the host or in a guest.

use std::time::Duration;

use ebpf_base::{child::ending, untrusted};
use ebpf_build::{Finding, Result};
use ebpf_kernels::{KernelTarget, guest::Console, process::RunningProgram};

use super::guests::Guests;
use crate::{
    agent::{self, Answer, Ended, Limits, Request},
    host::{executable::this_program, process::Spawner},
};

/// How long a kernel may print nothing while it boots and between two programs. An
/// emulated one prints several lines per second when it boots alone, in 3 s.
const SILENCE: Duration = Duration::from_secs(90);

/// How long a boot may take however much the kernel prints: 300 times what it takes alone.
const CEILING: Duration = Duration::from_secs(900);

/// An agent that is running.
pub(super) struct AgentProcess {
    /// It, or the guest that it runs in.
    program: RunningProgram,
    /// Of the guest.
    pub(super) console: Option<Console>,
}

impl AgentProcess {
    /// Starts one on `kernel`.
    ///
    /// # Errors
    /// When qemu is missing, or the process cannot be started.
    pub(super) fn start(
        kernel: &KernelTarget,
        request: &Request,
        guests: &Guests,
        spawner: &Spawner,
    ) -> Result<Self> {
        if let (KernelTarget::Image(image), Some(guests)) = (kernel, guests.of(kernel)) {
            let mut initramfs = guests.initramfs.clone();
            initramfs.add_request(&request.bytes())?;
            if let Some(configuration) = image.configuration() {
                initramfs.add_configuration(&image.release, &configuration)?;
            }
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
                .exchange(request.bytes())?,
            console: None,
        })
    }

    /// Reads its reply to the end. `timeout` is for one step.
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
        let output = self.program.output();
        let kept = || self.program.run_queue_delay();
        match output {
            Some(output) => agent::follow(output, limits, printed, kept, each),
            None => Ok(Ended::Closed),
        }
    }

    /// Ends it, and adds what it printed last to `finding`.
    pub(super) fn explain(self, finding: Finding) -> Finding {
        // Nothing that was printed adds to a cause that is known.
        if finding.cause.is_some() {
            return finding;
        }
        let (status, stderr) = self.program.end();
        let mut cause = Vec::new();
        cause.extend((!stderr.is_empty()).then(|| untrusted::lines(&stderr).into_owned()));
        cause.extend(self.console.iter().flat_map(Console::tail));
        if cause.is_empty() {
            let what = match self.console {
                Some(_) => "qemu",
                None => "the process",
            };
            cause.push(match status {
                // With -no-reboot, qemu exits when the guest resets.
                Some(status) if status.success() && self.console.is_some() => {
                    "the guest reset before it printed anything".to_owned()
                }
                Some(status) => format!("{what} ended with {} and printed nothing", ending(status)),
                None => format!("{what} printed nothing"),
            });
        }
        finding.because(cause.join("\n"))
    }
}
