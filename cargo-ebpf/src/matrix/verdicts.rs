//! The verdicts of many kernels on the same objects.

use std::time::{Duration, Instant};

use ebpf_base::untrusted;
use ebpf_build::{Finding, Result};
use ebpf_kernels::{KernelTarget, guest::Accelerator};

use super::{BREAKDOWNS, Guests, Running, Scene, Settings, given_up, side_by_side};
use crate::{
    agent::{self, Answer, Ended, Request},
    host::process::Spawner,
    verdict,
    verifier::{
        observation::{Attaching, Event, Extras, Program, Subject},
        outcome::Outcome,
    },
};

/// What is wanted beyond verdicts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Depth {
    /// Programs that were loaded are attached for a moment.
    pub attach: bool,
    /// It is counted what the verifier goes through.
    pub visits: bool,
}

/// What a kernel did with all the objects.
#[derive(Debug, Default)]
pub(crate) struct Asked {
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
    objects: &[Vec<u8>],
    settings: &Settings,
    depth: Depth,
    spawner: &Spawner,
    done: &(dyn Fn(&KernelTarget, &Asked) + Sync),
) -> Result<Vec<Asked>> {
    let guests = Guests::prepare(kernels, settings, spawner)?;
    side_by_side(kernels, &|kernel| {
        let question = Question {
            kernel,
            objects,
            settings,
            depth,
            guests: guests.as_ref(),
            spawner,
        };
        let asked = question.ask()?;
        done(kernel, &asked);
        Ok(asked)
    })
}

/// One kernel, and what it is asked.
struct Question<'a> {
    kernel: &'a KernelTarget,
    objects: &'a [Vec<u8>],
    settings: &'a Settings,
    depth: Depth,
    /// There, where a kernel is to be booted.
    guests: Option<&'a Guests>,
    spawner: &'a Spawner,
}

/// What has been heard so far.
#[derive(Default)]
struct Heard {
    release: Option<String>,
    objects: Vec<Vec<Event>>,
    /// The object that it is about.
    object: usize,
    /// The program that the kernel has in hand.
    trying: Option<Subject>,
}

impl Heard {
    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Hello { release } => self.release = Some(release),
            Answer::Object(number) => self.object = number,
            Answer::Event(event) => {
                match &event {
                    Event::Trying(subject) => self.trying = Some(subject.clone()),
                    Event::Tried(_) => self.trying = None,
                    Event::Found(_) => {}
                }
                self.keep(event);
            }
            // What no request of ours is answered with.
            Answer::TestProgram(_) | Answer::Testing(_) | Answer::Tested(_) | Answer::Done => {}
        }
    }

    fn keep(&mut self, event: Event) {
        let Some(events) = self.objects.get_mut(self.object) else {
            return;
        };
        // A second attempt finds again what the first one found.
        let repeated = matches!(&event, Event::Found(finding)
            if events.iter().any(|other| matches!(other, Event::Found(known) if known == finding)));
        if !repeated {
            events.push(event);
        }
    }

    /// The programs of an object that have been tried.
    fn tried(&self, object: usize) -> Vec<String> {
        let events = self.objects.get(object).into_iter().flatten();
        events
            .filter_map(|event| match event {
                Event::Tried(program) => Some(program.subject.name.clone()),
                _ => None,
            })
            .collect()
    }
}

impl Question<'_> {
    fn ask(&self) -> Result<Asked> {
        let since = Instant::now();
        let mut heard = Heard {
            objects: vec![Vec::new(); self.objects.len()],
            ..Heard::default()
        };
        let mut findings = Vec::new();
        for attempt in 1..=BREAKDOWNS {
            let mut running = Running::start(
                self.kernel,
                &self.request(&heard),
                self.guests,
                self.spawner,
            )?;
            let ended = running.follow(self.settings.timeout, |answer| heard.hear(answer))?;
            if ended == Ended::Done {
                break;
            }
            // It died before it was asked anything: on a busy machine that may be bad luck.
            let early = heard.release.is_none() && ended == Ended::Closed;
            if early && running.console.is_some() && attempt == 1 {
                continue;
            }
            let finding = self.breakdown(running, &ended, &heard);
            let Some(subject) = heard.trying.take() else {
                findings.push(finding);
                break;
            };
            heard.keep(Event::Tried(Program {
                subject,
                outcome: Outcome::Broke(finding),
                attach: None,
                statistics: Default::default(),
                visits: None,
            }));
            if attempt == BREAKDOWNS {
                findings.push(given_up(self.kernel, "programs", "was not tried on it"));
            }
        }
        Ok(Asked {
            release: heard.release,
            objects: heard.objects,
            findings,
            guest: Guests::accelerator(self.guests, self.kernel),
            took: since.elapsed(),
        })
    }

    fn request(&self, heard: &Heard) -> Request {
        let objects = self.objects.iter().enumerate();
        Request {
            extras: Extras {
                attaching: match self.kernel {
                    _ if !self.depth.attach => Attaching::Nothing,
                    KernelTarget::Host => Attaching::Watchers,
                    KernelTarget::Image(_) => Attaching::Everything,
                },
                visits: self.depth.visits,
            },
            objects: objects
                .map(|(number, data)| agent::Object {
                    data: data.clone(),
                    skipped: heard.tried(number),
                })
                .collect(),
            ..Request::default()
        }
    }

    /// Why there was no whole answer.
    fn breakdown(&self, running: Running, ended: &Ended, heard: &Heard) -> Finding {
        let doing = |subject: &Subject| {
            let name = untrusted::name(&subject.name);
            format!(" while it verified `{name}`")
        };
        let scene = Scene {
            kernel: self.kernel,
            release: heard.release.as_deref(),
            doing: heard.trying.as_ref().map(doing),
            memory: self.settings.memory,
            slow: |message| {
                Finding::error(verdict::SLOW, message)
                .because("the verifier had not finished; on the machine itself it would hold up the loader just so")
                .fix("make the program simpler (fewer branches, bounded loops), or allow more: --timeout SECONDS")
            },
        };
        let finding = scene.breakdown(running.console.as_ref(), ended);
        running.explain(finding)
    }
}
