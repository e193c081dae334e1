//! The verdicts of many kernels on the same objects.

use std::time::Duration;

use ebpf_base::untrusted;
use ebpf_build::{Finding, Result};
use ebpf_kernels::{KernelTarget, guest::Accelerator};

use super::{
    Settings,
    guests::Guests,
    kernel_run::{KernelRun, Task},
    side_by_side,
};
use crate::{
    agent::{Answer, Object, Request},
    host::process::Spawner,
    verdict,
    verifier::{
        observation::{Attaching, Event, Extras, Program, ProgramInfo},
        outcome::Outcome,
    },
};

/// What is done beyond loading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct VerifyOptions {
    /// Programs that were loaded are attached briefly.
    pub attach: bool,
    /// The verifier's visits of each instruction are counted.
    pub visits: bool,
}

/// What a kernel did with all the objects.
#[derive(Debug, Default)]
pub(crate) struct KernelReply {
    /// Its release; none if it did not come up.
    pub release: Option<String>,
    /// For each object, step by step.
    pub objects: Vec<Vec<Event>>,
    /// What went wrong with the kernel itself.
    pub findings: Vec<Finding>,
    /// What ran it; none for the machine's own kernel.
    pub guest: Option<Accelerator>,
    /// From start to end.
    pub took: Duration,
}

/// Asks every kernel about every object. In the order of `kernels`.
///
/// # Errors
/// When the asking itself fails: qemu is missing, a disk is full, Ctrl-C.
pub(crate) fn ask(
    kernels: &[KernelTarget],
    objects: &[Object],
    settings: &Settings,
    options: VerifyOptions,
    spawner: &Spawner,
    done: &(dyn Fn(&KernelTarget, &KernelReply) + Sync),
) -> Result<Vec<KernelReply>> {
    let guests = Guests::prepare(kernels, settings, spawner)?;
    side_by_side(kernels, &|kernel| {
        let run = KernelRun {
            kernel,
            settings,
            guests: guests.as_ref(),
            spawner,
        };
        let mut verification = Verification::new(kernel, objects, options);
        let record = run.run(&mut verification)?;
        let reply = KernelReply {
            release: record.release,
            objects: verification.events,
            findings: record.findings,
            guest: Guests::accelerator(guests.as_ref(), kernel),
            took: record.took,
        };
        done(kernel, &reply);
        Ok(reply)
    })
}

/// The verification of all objects on one kernel, as far as it has come.
struct Verification<'a> {
    kernel: &'a KernelTarget,
    objects: &'a [Object],
    options: VerifyOptions,
    /// For each object.
    events: Vec<Vec<Event>>,
    /// The object that the reply is about.
    object: usize,
    /// The program that the verifier is working on.
    trying: Option<ProgramInfo>,
}

impl<'a> Verification<'a> {
    fn new(kernel: &'a KernelTarget, objects: &'a [Object], options: VerifyOptions) -> Self {
        Self {
            kernel,
            objects,
            options,
            events: vec![Vec::new(); objects.len()],
            object: 0,
            trying: None,
        }
    }

    fn keep(&mut self, event: Event) {
        let Some(events) = self.events.get_mut(self.object) else {
            return;
        };
        // A second attempt finds again what the first one found.
        let repeated = matches!(&event, Event::Found(finding)
            if events.iter().any(|other| matches!(other, Event::Found(known) if known == finding)));
        if !repeated {
            events.push(event);
        }
    }
}

/// The programs that have a result.
fn tried(events: &[Event]) -> Vec<String> {
    let tried = events.iter().filter_map(|event| match event {
        Event::Tried(program) => Some(program.subject.name.clone()),
        _ => None,
    });
    tried.collect()
}

impl Task for Verification<'_> {
    const SLOW: fn(String) -> Finding = |message| {
        Finding::error(verdict::SLOW, message)
            .because("the verifier had not finished; on the machine itself it would hold up the loader just so")
            .fix("make the program simpler (fewer branches, bounded loops), or allow more: --timeout SECONDS")
    };
    const NOUN: &'static str = "programs";
    const REST: &'static str = "was not tried";

    fn request(&self) -> Request {
        let objects = self.objects.iter().zip(&self.events);
        Request {
            extras: Extras {
                attaching: match self.kernel {
                    _ if !self.options.attach => Attaching::Nothing,
                    KernelTarget::Host => Attaching::Watchers,
                    KernelTarget::Image(_) => Attaching::Everything,
                },
                visits: self.options.visits,
            },
            objects: objects
                .map(|(object, events)| Object {
                    skipped: tried(events),
                    ..object.clone()
                })
                .collect(),
            ..Request::default()
        }
    }

    fn receive(&mut self, answer: Answer) {
        match answer {
            Answer::Object(number) => self.object = number,
            Answer::Event(event) => {
                match &event {
                    Event::Trying(subject) => self.trying = Some(subject.clone()),
                    Event::Tried(_) => self.trying = None,
                    Event::Found(_) => {}
                }
                self.keep(event);
            }
            // Not in the reply to such a request.
            Answer::Hello { .. }
            | Answer::TestProgram(_)
            | Answer::Testing(_)
            | Answer::Tested(_)
            | Answer::Done => {}
        }
    }

    fn doing(&self) -> Option<String> {
        let name = untrusted::name(&self.trying.as_ref()?.name);
        Some(format!(" while it verified `{name}`"))
    }

    fn fail(&mut self, finding: Finding) -> Option<Finding> {
        let Some(subject) = self.trying.take() else {
            return Some(finding);
        };
        self.keep(Event::Tried(Program {
            subject,
            outcome: if finding.code == verdict::SLOW.as_str() {
                Outcome::TimedOut(finding)
            } else {
                Outcome::Crashed(finding)
            },
            attach: None,
            statistics: Default::default(),
            visits: None,
        }));
        None
    }
}
