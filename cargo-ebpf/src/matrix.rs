//! The same objects given to many kernels, side by side. Each kernel is asked in a
//! process or a guest of its own, under a deadline, so that one that dies or hangs is a
//! result like any other.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use ebpf_build::{Finding, Result};

use crate::{
    agent::{self, Answer, Ended, Limits, Request},
    cli::Global,
    guest::{Breakdown, Console, Executable, Guest, Initramfs, Machine, this_program},
    host::process::{Conversation, Process, ending},
    verifier::observation::{Event, Outcome, Program, Subject},
};

/// A kernel that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one that runs.
    Host,
    /// One that a guest boots.
    Image {
        /// What people call it: `6.1`.
        label: String,
        /// The file.
        path: PathBuf,
    },
}

impl Place {
    /// What people call it.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::Image { label, .. } => label,
        }
    }
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
    /// From start to end.
    pub took: Duration,
}

/// How kernels are asked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What guests are.
    pub machine: Machine,
    /// How long the verifier may take for one program.
    pub deadline: Duration,
}

/// How long a kernel has until its first word. Translated, on a busy machine, one takes
/// some ten times as long as alone (3 s).
pub(crate) const START: Duration = Duration::from_secs(60);

/// How many programs may break a kernel before it is left alone.
pub(crate) const BREAKDOWNS: usize = 3;

/// Asks every kernel about every object. In the order of `places`.
///
/// # Errors
/// When the asking itself fails: qemu is missing, a disk is full, Ctrl-C.
pub(crate) fn ask(
    places: &[Place],
    objects: &[Vec<u8>],
    settings: &Settings,
    global: &Global,
    done: &(dyn Fn(&Place, &Asked) + Sync),
) -> Result<Vec<Asked>> {
    let needs_guest = places.iter().any(|place| *place != Place::Host);
    let initramfs = needs_guest
        .then(|| Initramfs::of(&Executable::read(&this_program()?, global)?))
        .transpose()?
        .unwrap_or_default();
    side_by_side(places, &|place| {
        let question = Question {
            place,
            objects,
            settings,
            initramfs: &initramfs,
            global,
        };
        let asked = question.ask()?;
        done(place, &asked);
        Ok(asked)
    })
}

/// Asks as many kernels at a time as there are processors. In the order of `places`.
///
/// # Errors
/// The first of `ask`; no other kernel is begun with after it.
pub(crate) fn side_by_side<T: Send>(
    places: &[Place],
    ask: &(dyn Fn(&Place) -> Result<T> + Sync),
) -> Result<Vec<T>> {
    let queue: Mutex<VecDeque<_>> = Mutex::new(places.iter().enumerate().collect());
    let answers = Mutex::new(Vec::new());
    // A guest has one processor: as many at a time as there are real ones.
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers.min(places.len()) {
            scope.spawn(|| {
                // The lock is for taking one, not for asking it.
                let next = || lock(&queue).pop_front();
                while let Some((number, place)) = next() {
                    let answer = ask(place);
                    if answer.is_err() {
                        // The others would fail in the same way.
                        lock(&queue).clear();
                    }
                    lock(&answers).push((number, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One kernel, and what it is asked.
struct Question<'a> {
    place: &'a Place,
    objects: &'a [Vec<u8>],
    settings: &'a Settings,
    initramfs: &'a Initramfs,
    global: &'a Global,
}

/// The other end, while it is asked.
pub(crate) struct Running {
    pub(crate) conversation: Conversation,
    /// A guest's.
    pub(crate) console: Option<Console>,
}

impl Running {
    /// Asks `place`.
    ///
    /// # Errors
    /// When qemu is missing, or the other end cannot be started.
    pub(crate) fn start(
        place: &Place,
        request: &Request,
        initramfs: &Initramfs,
        machine: &Machine,
        global: &Global,
    ) -> Result<Self> {
        match place {
            Place::Host => {
                let mut input = Vec::new();
                // Writing into memory does not fail.
                let _ = request.write(&mut input);
                Ok(Self {
                    conversation: Process::new(this_program()?, global)
                        .arg("agent")
                        .converse_about(input)?,
                    console: None,
                })
            }
            Place::Image { path, .. } => {
                let Guest {
                    conversation,
                    console,
                } = machine.boot(path, initramfs.clone(), request, global)?;
                Ok(Self {
                    conversation,
                    console: Some(console),
                })
            }
        }
    }

    /// Ends it, and adds to `finding` what it said last.
    pub(crate) fn explain(self, finding: Finding) -> Finding {
        let (status, said) = self.conversation.end();
        let mut cause: Vec<String> = finding.cause.clone().into_iter().collect();
        cause.extend((!said.is_empty()).then(|| crate::untrusted::lines(&said).into_owned()));
        cause.extend(self.console.iter().flat_map(Console::tail));
        if cause.is_empty() {
            cause.push(match status {
                Some(status) => format!("it ended with {} and printed nothing", ending(status)),
                None => "it printed nothing".to_owned(),
            });
        }
        finding.because(cause.join("\n"))
    }
}

/// What was going on when an answer ended early.
pub(crate) struct Scene<'a> {
    /// Who was asked.
    pub(crate) place: &'a Place,
    /// Its release, if it came up.
    pub(crate) release: Option<&'a str>,
    /// ` while it ...`, if it had something in hand.
    pub(crate) doing: Option<String>,
    /// A guest's memory, in MiB.
    pub(crate) memory: u32,
    /// What is said when it took too long over that.
    pub(crate) slow: fn(String) -> Finding,
}

impl Scene<'_> {
    /// Why the answer ended.
    pub(crate) fn breakdown(&self, console: Option<&Console>, ended: &Ended) -> Finding {
        let label = match self.release {
            Some(release) => format!("Linux {}", crate::untrusted::name(release)),
            None => format!("the kernel {}", self.place.label()),
        };
        let doing = self.doing.as_deref().unwrap_or_default();
        match (console.and_then(Console::breakdown), ended) {
            (Some(Breakdown::OutOfMemory), _) => Finding::error(
                "guest-out-of-memory",
                format!("{label} ran out of its {} MiB of memory{doing}", self.memory),
            )
            .fix("give it more, such as: --memory 2048"),
            (Some(Breakdown::Panic(reason)), _) => {
                Finding::error("kernel-panicked", format!("{label} panicked{doing}: {reason}"))
            }
            (None, Ended::Silent(limit)) if self.doing.is_some() => (self.slow)(format!(
                "{label} was ended after {} s{doing}",
                limit.as_secs()
            )),
            (None, Ended::Silent(limit)) if self.release.is_none() => Finding::error(
                "guest-no-boot",
                format!("{label} did not come up within {} s", limit.as_secs()),
            )
            .fix("try again on a machine with less to do; a kernel of your own needs a serial console (8250), initramfs and devtmpfs built in"),
            (None, Ended::Damaged(what)) => Finding::error(
                "answer-damaged",
                format!("the answer of {label} arrived damaged{doing}: {what}"),
            ),
            (None, _) if self.release.is_none() => {
                Finding::error("guest-no-boot", format!("{label} did not come up"))
                    .fix("is it for x86-64, and is its memory enough (--memory MIB)?")
            }
            (None, _) => Finding::error("answer-cut-off", format!("the answer of {label} broke off{doing}")),
        }
    }
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
                self.place,
                &self.request(&heard),
                self.initramfs,
                &self.settings.machine,
                self.global,
            )?;
            let limits = Limits {
                start: START,
                step: self.settings.deadline,
            };
            let ended = match running.conversation.output() {
                Some(output) => agent::follow(output, limits, |answer| heard.hear(answer))?,
                None => Ended::Closed,
            };
            if ended == Ended::Done {
                break;
            }
            let finding = self.breakdown(running, &ended, &heard);
            let Some(subject) = heard.trying.take() else {
                findings.push(finding);
                break;
            };
            heard.keep(Event::Tried(Program {
                subject,
                outcome: Outcome::Broke(finding),
                statistics: Default::default(),
            }));
            if attempt == BREAKDOWNS {
                findings.push(Finding::error(
                    "kernel-given-up",
                    format!(
                        "{BREAKDOWNS} programs broke the kernel {}, so the rest was not tried on it",
                        self.place.label()
                    ),
                ));
            }
        }
        Ok(Asked {
            release: heard.release,
            objects: heard.objects,
            findings,
            took: since.elapsed(),
        })
    }

    fn request(&self, heard: &Heard) -> Request {
        let objects = self.objects.iter().enumerate();
        Request {
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
            let name = crate::untrusted::name(&subject.name);
            format!(" while it verified `{name}`")
        };
        let scene = Scene {
            place: self.place,
            release: heard.release.as_deref(),
            doing: heard.trying.as_ref().map(doing),
            memory: self.settings.machine.memory,
            slow: |message| {
                Finding::error("verifier-slow", message)
                .because("the verifier had not finished; on the machine itself it would hold up the loader just so")
                .fix("make the program simpler (fewer branches, bounded loops), or allow more: --deadline SECONDS")
            },
        };
        let finding = scene.breakdown(running.console.as_ref(), ended);
        running.explain(finding)
    }
}
