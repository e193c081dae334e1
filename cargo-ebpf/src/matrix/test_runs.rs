//! The same test programs on many kernels, side by side. What breaks a kernel is a failed
//! test; the others then run after another boot.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use ebpf_base::untrusted;
use ebpf_build::{Finding, Result};
use ebpf_kernels::{KernelTarget, guest::Executable};

use super::{BREAKDOWNS, Guests, Running, Scene, Settings, given_up, side_by_side};
use crate::{
    agent::{Answer, Ended, Request},
    code::Code,
    host::process::Spawner,
    testing::program::{TestProgram, TestResult, Tested},
};

/// What came of all the tests on a kernel.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// Its release; none if it did not come up.
    pub release: Option<String>,
    /// For each program, its tests.
    pub programs: Vec<Vec<Tested>>,
    /// What went wrong with the kernel itself.
    pub findings: Vec<Finding>,
    /// From start to end.
    pub took: Duration,
}

/// Takes each test as it ends.
pub(crate) type Each<'a> = dyn Fn(&KernelTarget, &TestProgram, &Tested) + Sync + 'a;

/// Runs `programs` on every kernel. In the order of `kernels`.
///
/// # Errors
/// When the asking itself fails: qemu is missing, a disk is full, Ctrl-C.
pub(crate) fn run(
    kernels: &[KernelTarget],
    programs: &[TestProgram],
    settings: &Settings,
    spawner: &Spawner,
    each: &Each<'_>,
) -> Result<Vec<Ran>> {
    let mut guests = Guests::prepare(kernels, settings, spawner)?;
    let there = match &mut guests {
        Some(guests) => put_into(guests, programs, spawner)?,
        None => Vec::new(),
    };
    side_by_side(kernels, &|kernel| {
        let programs = match kernel {
            KernelTarget::Host => programs,
            KernelTarget::Image(_) => &there,
        };
        Run {
            kernel,
            programs,
            guests: guests.as_ref(),
            settings,
            spawner,
            each,
        }
        .run()
    })
}

/// Puts the programs into what guests boot; gives them as they are found there.
fn put_into(
    guests: &mut Guests,
    programs: &[TestProgram],
    spawner: &Spawner,
) -> Result<Vec<TestProgram>> {
    let programs = programs.iter().enumerate();
    programs
        .map(|(number, program)| {
            let path = Path::new("/tests").join(number.to_string());
            let executable = Executable::read(&program.path, spawner)?;
            guests.initramfs.add_executable(&path, &executable)?;
            Ok(TestProgram {
                path,
                folder: None,
                ..program.clone()
            })
        })
        .collect()
}

/// One kernel, and what it runs.
struct Run<'a> {
    kernel: &'a KernelTarget,
    programs: &'a [TestProgram],
    guests: Option<&'a Guests>,
    settings: &'a Settings,
    spawner: &'a Spawner,
    each: &'a Each<'a>,
}

/// What has been heard so far.
struct Heard {
    release: Option<String>,
    programs: Vec<Vec<Tested>>,
    /// The program that it is about.
    program: usize,
    /// The test that runs.
    testing: Option<String>,
}

impl Run<'_> {
    fn run(&self) -> Result<Ran> {
        let since = Instant::now();
        let mut heard = Heard {
            release: None,
            programs: vec![Vec::new(); self.programs.len()],
            program: 0,
            testing: None,
        };
        let mut findings = Vec::new();
        for attempt in 1..=BREAKDOWNS {
            let mut running = Running::start(
                self.kernel,
                &self.request(&heard),
                self.guests,
                self.spawner,
            )?;
            let ended = running.follow(self.settings.timeout, |answer| {
                self.hear(answer, &mut heard)
            })?;
            if ended == Ended::Done {
                break;
            }
            let finding = self.breakdown(running, &ended, &heard);
            let Some(test) = heard.testing.take() else {
                findings.push(finding);
                break;
            };
            let tested = Tested {
                name: test,
                result: TestResult::Failed,
                output: in_words(finding),
            };
            self.hear(Answer::Tested(tested), &mut heard);
            if attempt == BREAKDOWNS {
                findings.push(given_up(self.kernel, "tests", "did not run on it"));
            }
        }
        Ok(Ran {
            release: heard.release,
            programs: heard.programs,
            findings,
            took: since.elapsed(),
        })
    }

    fn hear(&self, answer: Answer, heard: &mut Heard) {
        match answer {
            Answer::Hello { release } => heard.release = Some(release),
            Answer::TestProgram(number) => heard.program = number,
            Answer::Testing(test) => heard.testing = Some(test),
            Answer::Tested(tested) => {
                heard.testing = None;
                let program = self.programs.get(heard.program);
                if let (Some(program), Some(tests)) =
                    (program, heard.programs.get_mut(heard.program))
                {
                    (self.each)(self.kernel, program, &tested);
                    tests.push(tested);
                }
            }
            // What no request of ours is answered with.
            Answer::Object(_) | Answer::Event(_) | Answer::Done => {}
        }
    }

    fn request(&self, heard: &Heard) -> Request {
        let programs = self.programs.iter().zip(&heard.programs);
        Request {
            tests: programs
                .map(|(program, tests)| TestProgram {
                    done: tests.iter().map(|tested| tested.name.clone()).collect(),
                    ..program.clone()
                })
                .collect(),
            ..Request::default()
        }
    }

    fn breakdown(&self, running: Running, ended: &Ended, heard: &Heard) -> Finding {
        let doing = |test: &String| format!(" while it ran the test `{}`", untrusted::name(test));
        let scene = Scene {
            kernel: self.kernel,
            release: heard.release.as_deref(),
            doing: heard.testing.as_ref().map(doing),
            memory: self.settings.memory,
            slow: |message| {
                Finding::error(Code::TestSlow, message).fix("allow a test more: --timeout SECONDS")
            },
        };
        let finding = scene.breakdown(running.console.as_ref(), ended);
        running.explain(finding)
    }
}

fn in_words(finding: Finding) -> String {
    let fix = finding.fix.map(|fix| format!("fix: {fix}"));
    let parts = [Some(finding.message), fix, finding.cause];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
