//! The verdicts of many kernels on the same objects.

use std::time::Duration;

use ebpf_base::untrusted;
use ebpf_build::{Finding, Result};
use ebpf_kernels::{KernelTarget, guest::Accelerator};
use ebpf_object::Loader;

use super::{
    Settings,
    guests::Guests,
    kernel_run::{KernelRun, Task},
    side_by_side,
};
use crate::{
    agent::{Answer, Object, Request},
    code::Code,
    host::process::Spawner,
    verdict,
    verifier::{
        observation::{Attaching, Event, Extras, Program, ProgramInfo},
        outcome::Outcome,
        replaced::Replaced,
    },
};

/// What is done beyond loading.
#[derive(Debug, Clone, Default)]
pub(crate) struct VerifyOptions {
    /// Programs that were loaded are attached briefly.
    pub attach: bool,
    /// The verifier's visits of each instruction are counted.
    pub visits: bool,
    /// The loader whose rules apply; none for the one that an object is made for.
    pub loader: Option<Loader>,
    /// The program that programs of section `freplace/` replace a function of.
    pub replaced: Option<Replaced>,
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
    options: &VerifyOptions,
    spawner: &Spawner,
    done: &(dyn Fn(&KernelTarget, &KernelReply) + Sync),
) -> Result<Vec<KernelReply>> {
    let guests = Guests::prepare(kernels, settings, spawner)?;
    side_by_side(kernels, &|kernel| {
        let run = KernelRun {
            kernel,
            settings,
            guests: &guests,
            spawner,
        };
        let mut verification = Verification::new(kernel, objects, options);
        let record = run.run(&mut verification)?;
        let reply = KernelReply {
            release: record.release,
            objects: verification.events,
            findings: record.findings,
            guest: guests.accelerator(kernel),
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
    options: &'a VerifyOptions,
    /// For each object.
    events: Vec<Vec<Event>>,
    /// The object that the reply is about.
    object: usize,
    /// The program that the verifier is working on.
    trying: Option<ProgramInfo>,
    /// What the kernel has decided about it, if it has.
    decided: Option<Program>,
}

impl<'a> Verification<'a> {
    fn new(kernel: &'a KernelTarget, objects: &'a [Object], options: &'a VerifyOptions) -> Self {
        Self {
            kernel,
            objects,
            options,
            events: vec![Vec::new(); objects.len()],
            object: 0,
            trying: None,
            decided: None,
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

/// The warning for a verdict after which the deadline passed.
fn incomplete(program: &Program) -> Finding {
    let name = untrusted::name(&program.subject.name);
    let (verdict, missing) = match program.outcome {
        Outcome::Accepted => (
            "accepted",
            "instruction counts and the result of attaching were known",
        ),
        _ => ("rejected", "the steps that led to the rejection were known"),
    };
    Finding::warning(
        Code::VerdictIncomplete,
        format!("the kernel {verdict} `{name}`, but the time limit expired before {missing}"),
    )
    .because(
        "the verdict is from the first verification; what follows it, such as a second \
         verification with a full log, or attaching, did not finish within the time limit",
    )
    .fix(
        "simplify the program (fewer branches, bounded loops), or increase the time limit: \
         --timeout SECONDS",
    )
}

impl Task for Verification<'_> {
    const SLOW: fn(String) -> Finding = |message| {
        Finding::error(verdict::SLOW, message)
            .because(
                "the verifier did not finish within the time limit; loading the program would \
                 take at least as long",
            )
            .fix(
                "simplify the program (fewer branches, bounded loops), or increase the time \
                 limit: --timeout SECONDS",
            )
    };
    const NOUN: &'static str = "programs";
    const REST: &'static str = "the remaining programs were not tried on it";

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
                loader: self.options.loader,
            },
            replaced: self.options.replaced.clone(),
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
            Answer::Event(Event::Decided(program)) => self.decided = Some(program),
            Answer::Event(event) => {
                match &event {
                    Event::Trying(subject) => self.trying = Some(subject.clone()),
                    Event::Tried(_) => self.trying = None,
                    Event::Decided(_) | Event::Found(_) => {}
                }
                if !matches!(event, Event::Found(_)) {
                    self.decided = None;
                }
                self.keep(event);
            }
            // Not in the reply to such a request.
            Answer::Hello { .. }
            | Answer::Btf(_)
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
        let decided = self.decided.take();
        let slow = finding.code == verdict::SLOW.as_str();
        if let Some(program) = decided.filter(|_| slow) {
            self.keep(Event::Found(incomplete(&program)));
            self.keep(Event::Tried(program));
            return None;
        }
        self.keep(Event::Tried(Program {
            subject,
            outcome: if slow {
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

#[cfg(test)]
mod tests {
    use ebpf_object::link::Given;

    use super::*;
    use crate::verifier::observation::VerifierLog;

    fn subject() -> ProgramInfo {
        ProgramInfo {
            name: "filter".to_owned(),
            section: "xdp".to_owned(),
            program_type: "xdp".to_owned(),
            instructions: 2,
        }
    }

    fn decided(outcome: Outcome<VerifierLog>) -> Answer {
        Answer::Event(Event::Decided(Program {
            subject: subject(),
            outcome,
            attach: None,
            statistics: Default::default(),
            visits: None,
        }))
    }

    fn rejected() -> Outcome<VerifierLog> {
        Outcome::Rejected(VerifierLog {
            errno: libc::EACCES,
            log: "R1 invalid mem access 'scalar'".to_owned(),
            truncated: true,
        })
    }

    /// The codes of findings, and the outcome of the program, if it fails with `code` after
    /// these answers.
    fn failed_after(answers: Vec<Answer>, code: Code) -> (Vec<String>, Option<&'static str>) {
        let objects = [Object {
            data: Vec::new(),
            skipped: Vec::new(),
            given: Given::default(),
        }];
        let options = VerifyOptions::default();
        let mut verification = Verification::new(&KernelTarget::Host, &objects, &options);
        verification.receive(Answer::Event(Event::Trying(subject())));
        for answer in answers {
            verification.receive(answer);
        }
        let unknown = verification.fail(Finding::error(code, "it failed"));
        assert!(unknown.is_none());
        let (mut findings, mut outcome) = (Vec::new(), None);
        for event in &verification.events[0] {
            match event {
                Event::Found(finding) => findings.push(finding.code.to_string()),
                Event::Tried(program) => outcome = Some(program.outcome.code()),
                Event::Trying(_) | Event::Decided(_) => {}
            }
        }
        // The rest is done without it.
        assert_eq!(verification.request().objects[0].skipped, ["filter"]);
        (findings, outcome)
    }

    #[test]
    fn a_verdict_outlives_the_deadline() {
        let incomplete = || vec!["verdict-incomplete".to_owned()];
        let slow = Code::VerifierSlow;
        assert_eq!(failed_after(vec![], slow), (vec![], Some("broke")));
        assert_eq!(
            failed_after(vec![decided(rejected())], slow),
            (incomplete(), Some("refused"))
        );
        let both = vec![decided(Outcome::Accepted), decided(rejected())];
        assert_eq!(failed_after(both, slow), (incomplete(), Some("refused")));
        assert_eq!(
            failed_after(vec![decided(Outcome::Accepted)], slow),
            (incomplete(), Some("accepted"))
        );
        // A kernel that crashes has not accepted anything.
        assert_eq!(
            failed_after(vec![decided(rejected())], Code::KernelPanicked),
            (vec![], Some("broke"))
        );
        // What was decided about one program is not about the next.
        let next = vec![decided(rejected()), Answer::Event(Event::Trying(subject()))];
        assert_eq!(failed_after(next, slow), (vec![], Some("broke")));
    }
}
