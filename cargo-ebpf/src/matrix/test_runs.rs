//! The same test programs on many kernels, side by side. What breaks a kernel is a failed
//! test; the others then run after another boot.

use std::{path::Path, time::Duration};

use ebpf_base::untrusted;
use ebpf_build::{Finding, Result};
use ebpf_kernels::{KernelTarget, guest::Executable};

use super::{
    Settings,
    guests::{Guests, Prepared},
    kernel_run::{KernelRun, Task},
    side_by_side,
};
use crate::{
    agent::{Answer, Request},
    code::Code,
    host::process::Spawner,
    testing::program::{TestProgram, TestResult, Tested},
};

/// The results of all tests on a kernel.
#[derive(Debug, Default)]
pub(crate) struct TestReply {
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
) -> Result<Vec<TestReply>> {
    let mut guests = Guests::prepare(kernels, settings, spawner)?;
    let mut in_guests = Vec::new();
    for guests in guests.each() {
        in_guests = put_into(guests, programs, spawner)?;
    }
    side_by_side(kernels, &|kernel| {
        let programs = match kernel {
            KernelTarget::Host => programs,
            KernelTarget::Image(_) => &in_guests,
        };
        let run = KernelRun {
            kernel,
            settings,
            guests: &guests,
            spawner,
        };
        let mut task = TestRun::new(kernel, programs, each);
        let record = run.run(&mut task)?;
        Ok(TestReply {
            release: record.release,
            programs: task.tested,
            findings: record.findings,
            took: record.took,
        })
    })
}

/// Puts the programs into what guests boot; gives them as they are found there.
fn put_into(
    guests: &mut Prepared,
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

/// All tests on one kernel, as far as they have run.
struct TestRun<'a> {
    kernel: &'a KernelTarget,
    programs: &'a [TestProgram],
    each: &'a Each<'a>,
    /// For each program, its tests that have run.
    tested: Vec<Vec<Tested>>,
    /// The program that the reply is about.
    program: usize,
    /// The test that is running.
    testing: Option<String>,
}

impl<'a> TestRun<'a> {
    fn new(kernel: &'a KernelTarget, programs: &'a [TestProgram], each: &'a Each<'a>) -> Self {
        Self {
            kernel,
            programs,
            each,
            tested: vec![Vec::new(); programs.len()],
            program: 0,
            testing: None,
        }
    }

    fn keep(&mut self, tested: Tested) {
        let program = self.programs.get(self.program);
        if let (Some(program), Some(tests)) = (program, self.tested.get_mut(self.program)) {
            (self.each)(self.kernel, program, &tested);
            tests.push(tested);
        }
    }
}

impl Task for TestRun<'_> {
    const SLOW: fn(String) -> Finding = |message| {
        Finding::error(Code::TestSlow, message).fix(
            "increase the time limit per test: --timeout \
             SECONDS",
        )
    };
    const NOUN: &'static str = "tests";
    const REST: &'static str = "the remaining tests were not run on it";

    fn request(&self) -> Request {
        let programs = self.programs.iter().zip(&self.tested);
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

    fn receive(&mut self, answer: Answer) {
        match answer {
            Answer::TestProgram(number) => self.program = number,
            Answer::Testing(test) => self.testing = Some(test),
            Answer::Tested(tested) => {
                self.testing = None;
                self.keep(tested);
            }
            // Not in the reply to such a request.
            Answer::Hello { .. }
            | Answer::Btf(_)
            | Answer::Object(_)
            | Answer::Event(_)
            | Answer::Done => {}
        }
    }

    fn doing(&self) -> Option<String> {
        let test = untrusted::name(self.testing.as_ref()?);
        Some(format!(" while it ran the test `{test}`"))
    }

    fn fail(&mut self, finding: Finding) -> Option<Finding> {
        let Some(name) = self.testing.take() else {
            return Some(finding);
        };
        self.keep(Tested {
            name,
            result: TestResult::Failed,
            output: in_words(finding),
        });
        None
    }
}

fn in_words(finding: Finding) -> String {
    let fix = finding.fix.map(|fix| format!("fix: {fix}"));
    let parts = [Some(finding.message), fix, finding.cause];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
