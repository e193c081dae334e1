//! The same objects given to many kernels, side by side. Each kernel is asked in a
//! process or a guest of its own, under a deadline, so that one that dies or hangs is a
//! result like any other.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use ebpf_build::{Finding, Result};

use crate::{
    agent::{self, Answer, Ended, Limits, Request},
    cli::Global,
    guest::{Accelerator, Breakdown, Console, Executable, Guest, Initramfs, Machine, this_program},
    host::process::{Conversation, Process, ending},
    kernels::Choice,
    verifier::{
        observation::{Event, Outcome, Program, Subject},
        verdict,
    },
};

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

/// How kernels are asked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Memory of each guest, in MiB.
    pub memory: u32,
    /// How long the verifier may take for one program.
    pub deadline: Duration,
}

/// How long a kernel has until its first word. Translated, on a busy machine, one takes
/// some twenty times as long as alone (3 s).
const START: Duration = Duration::from_secs(90);

/// How many programs may break a kernel before it is left alone.
const BREAKDOWNS: usize = 3;

/// Asks every kernel about every object. In the order of `kernels`.
///
/// # Errors
/// When the asking itself fails: qemu is missing, a disk is full, Ctrl-C.
pub(crate) fn ask(
    kernels: &[Choice],
    objects: &[Vec<u8>],
    settings: &Settings,
    global: &Global,
    done: &(dyn Fn(&Choice, &Asked) + Sync),
) -> Result<Vec<Asked>> {
    let first_image = kernels.iter().find_map(|kernel| match kernel {
        Choice::Host => None,
        Choice::Image(image) => Some(image),
    });
    let guests = first_image
        .map(|image| Guests::prepare(&image.path, settings, global))
        .transpose()?;
    let queue: Mutex<VecDeque<_>> = Mutex::new(kernels.iter().enumerate().collect());
    let answers = Mutex::new(Vec::new());
    // A guest has one processor: as many at a time as there are real ones.
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers.min(kernels.len()) {
            scope.spawn(|| {
                // The lock is for taking one, not for asking it.
                let next = || lock(&queue).pop_front();
                while let Some((number, kernel)) = next() {
                    let question = Question {
                        kernel,
                        objects,
                        settings,
                        guests: guests.as_ref(),
                        global,
                    };
                    let asked = question.ask();
                    match &asked {
                        Ok(asked) => done(kernel, asked),
                        // The others would fail in the same way.
                        Err(_) => lock(&queue).clear(),
                    }
                    lock(&answers).push((number, asked));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, asked)| asked).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One kernel, and what it is asked.
struct Question<'a> {
    kernel: &'a Choice,
    objects: &'a [Vec<u8>],
    settings: &'a Settings,
    /// There, where a kernel is to be booted.
    guests: Option<&'a Guests>,
    global: &'a Global,
}

/// What all guests have in common.
struct Guests {
    machine: Machine,
    initramfs: Initramfs,
}

impl Guests {
    fn prepare(kernel: &Path, settings: &Settings, global: &Global) -> Result<Self> {
        let initramfs = Initramfs::of(&Executable::read(&this_program()?, global)?)?;
        Ok(Self {
            machine: Machine {
                accelerator: Accelerator::proven(kernel, &initramfs, global)?,
                memory: settings.memory,
            },
            initramfs,
        })
    }
}

/// The other end, while it is asked.
struct Running {
    conversation: Conversation,
    /// A guest's.
    console: Option<Console>,
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
            Answer::Done => {}
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
            let mut running = self.start(&self.request(&heard))?;
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
                        self.kernel.label()
                    ),
                ));
            }
        }
        Ok(Asked {
            release: heard.release,
            objects: heard.objects,
            findings,
            guest: match self.kernel {
                Choice::Host => None,
                Choice::Image(_) => self.guests.map(|guests| guests.machine.accelerator),
            },
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
        }
    }

    fn start(&self, request: &Request) -> Result<Running> {
        if let (Choice::Image(image), Some(guests)) = (self.kernel, self.guests) {
            let Guest {
                conversation,
                console,
            } = guests
                .machine
                .boot(&image.path, guests.initramfs.clone(), request, self.global)?;
            return Ok(Running {
                conversation,
                console: Some(console),
            });
        }
        let mut input = Vec::new();
        // Writing into memory does not fail.
        let _ = request.write(&mut input);
        Ok(Running {
            conversation: Process::new(this_program()?, self.global)
                .arg("agent")
                .converse_about(input)?,
            console: None,
        })
    }

    /// Why there was no whole answer.
    fn breakdown(&self, running: Running, ended: &Ended, heard: &Heard) -> Finding {
        let Running {
            conversation,
            console,
        } = running;
        let label = match &heard.release {
            Some(release) => format!("Linux {}", crate::untrusted::name(release)),
            None => format!("the kernel {}", self.kernel.label()),
        };
        let doing = match &heard.trying {
            Some(subject) => format!(
                " while it verified `{}`",
                crate::untrusted::name(&subject.name)
            ),
            None => String::new(),
        };
        let finding = match (console.as_ref().and_then(Console::breakdown), ended) {
            (Some(Breakdown::OutOfMemory), _) => Finding::error(
                "guest-out-of-memory",
                format!(
                    "{label} ran out of its {} MiB of memory{doing}",
                    self.settings.memory
                ),
            )
            .fix("give it more, such as: --memory 2048"),
            (Some(Breakdown::Panic(reason)), _) => {
                Finding::error("kernel-panicked", format!("{label} panicked{doing}: {reason}"))
            }
            (None, Ended::Silent(limit)) if heard.trying.is_some() => Finding::error(
                verdict::SLOW,
                format!("{label} was ended after {} s{doing}", limit.as_secs()),
            )
            .because("the verifier had not finished; on the machine itself it would hold up the loader just so")
            .fix("make the program simpler (fewer branches, bounded loops), or allow more: --deadline SECONDS"),
            (None, Ended::Silent(limit)) if heard.release.is_none() => Finding::error(
                "guest-no-boot",
                format!("{label} did not come up within {} s", limit.as_secs()),
            )
            .fix("try again on a machine with less to do; a kernel of your own needs a serial console (8250), initramfs and devtmpfs built in"),
            (None, Ended::Damaged(what)) => Finding::error(
                "answer-damaged",
                format!("the answer of {label} arrived damaged{doing}: {what}"),
            ),
            (None, _) if heard.release.is_none() => {
                Finding::error("guest-no-boot", format!("{label} did not come up"))
                    .fix("is it for x86-64, and is its memory enough (--memory MIB)?")
            }
            (None, Ended::Silent(limit)) => Finding::error(
                "answer-cut-off",
                format!("{label} said nothing more for {} s{doing}", limit.as_secs()),
            ),
            (None, _) => Finding::error("answer-cut-off", format!("the answer of {label} broke off{doing}")),
        };
        // Nothing that was printed adds to a cause that is known.
        if finding.cause.is_some() {
            return finding;
        }
        let (status, said) = conversation.end();
        let mut cause = Vec::new();
        cause.extend((!said.is_empty()).then(|| crate::untrusted::lines(&said).into_owned()));
        cause.extend(console.iter().flat_map(Console::tail));
        if cause.is_empty() {
            cause.push(match status {
                // qemu is told to end then.
                Some(status) if status.success() && console.is_some() => {
                    "it reset itself before it printed anything".to_owned()
                }
                Some(status) => format!("it ended with {} and printed nothing", ending(status)),
                None => "it printed nothing".to_owned(),
            });
        }
        finding.because(cause.join("\n"))
    }
}
