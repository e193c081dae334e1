//! One kernel and its task: the agent is started again after each breakdown, with the rest.

use std::time::{Duration, Instant};

use ebpf_build::{Finding, Result};
use ebpf_kernels::KernelTarget;

use super::{Settings, agent_process::AgentProcess, failure::FailureContext, guests::Guests};
use crate::{
    agent::{Answer, Ended, Request},
    code::Code,
    host::process::Spawner,
};

/// How many times a kernel may break down before the rest is skipped.
const BREAKDOWNS: usize = 3;

/// What a kernel has to do, and what it has done.
pub(super) trait Task {
    /// The finding for a step that took too long, from its message.
    const SLOW: fn(String) -> Finding;
    /// What a kernel broke down with: "tests".
    const NOUN: &'static str;
    /// What happened to the rest: "the remaining tests were not run on it".
    const REST: &'static str;

    /// The rest: everything that has no result yet.
    fn request(&self) -> Request;

    /// Takes a piece of the reply.
    fn receive(&mut self, answer: Answer);

    /// What the kernel is doing, if it is known: " while it verified `filter`".
    fn doing(&self) -> Option<String>;

    /// Makes `finding` the result of what the kernel was doing; returns it if that is unknown.
    fn fail(&mut self, finding: Finding) -> Option<Finding>;
}

/// A kernel that is to do a task.
pub(super) struct KernelRun<'a> {
    pub(super) kernel: &'a KernelTarget,
    pub(super) settings: &'a Settings,
    /// Prepared for a kernel that is booted.
    pub(super) guests: &'a Guests,
    pub(super) spawner: &'a Spawner,
}

/// What is known about the kernel after the task.
pub(super) struct KernelRecord {
    /// Its release; none if it did not come up.
    pub(super) release: Option<String>,
    /// What went wrong with the kernel itself.
    pub(super) findings: Vec<Finding>,
    /// From start to end.
    pub(super) took: Duration,
}

impl KernelRun<'_> {
    /// Has the kernel do `task`, as far as it can.
    ///
    /// # Errors
    /// When the agent or its guest cannot be started, or after Ctrl-C.
    pub(super) fn run<T: Task>(&self, task: &mut T) -> Result<KernelRecord> {
        let since = Instant::now();
        let mut release = None;
        let mut findings = Vec::new();
        for attempt in 1..=BREAKDOWNS {
            let mut up = false;
            let mut agent =
                AgentProcess::start(self.kernel, &task.request(), self.guests, self.spawner)?;
            let ended = agent.follow(self.settings.timeout, |answer| match answer {
                Answer::Hello { release: name } => {
                    up = true;
                    release = Some(name);
                }
                answer => task.receive(answer),
            })?;
            if ended == Ended::Done {
                break;
            }
            // A guest that ended before the agent replied: on a busy machine that may be bad luck.
            let early = !up && ended == Ended::Closed;
            if early && agent.console.is_some() && attempt == 1 {
                continue;
            }
            let context = FailureContext {
                kernel: self.kernel,
                release: release.as_deref(),
                up,
                doing: task.doing(),
                memory: self.settings.memory,
                slow: T::SLOW,
            };
            let finding = context.finding(agent.console.as_ref(), &ended);
            let finding = agent.explain(finding);
            if let Some(finding) = task.fail(finding) {
                findings.push(finding);
                break;
            }
            if attempt == BREAKDOWNS {
                findings.push(Finding::error(
                    Code::KernelGivenUp,
                    format!(
                        "{BREAKDOWNS} {} crashed the kernel {} or exceeded the time limit: {}",
                        T::NOUN,
                        self.kernel.label(),
                        T::REST
                    ),
                ));
            }
        }
        Ok(KernelRecord {
            release,
            findings,
            took: since.elapsed(),
        })
    }
}
