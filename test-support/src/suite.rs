//! A test program: its tests, each named once.

use std::{env, process::ExitCode};

use libtest_mimic::{Arguments, Completion, Trial};

use crate::{failed::Outcome, machine::Need, require::skipped};

/// A test and what it needs of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Test<F> {
    /// Its name.
    pub name: &'static str,
    /// What it needs, beside what all of its suite do.
    pub needs: &'static [Need],
    /// What is run.
    pub run: F,
}

/// A list of [`Test`]s by the paths of their functions, and what each needs:
/// `tests![name, module::name: [machine::ROOT]]`.
#[macro_export]
macro_rules! tests {
    ($($run:path $(: [$($need:expr),+ $(,)?])?),* $(,)?) => {
        &[$($crate::Test {
            name: stringify!($run),
            needs: &[$($($need),+)?],
            run: $run,
        }),*]
    };
}

/// A test program.
#[derive(Debug, Default)]
pub struct Suite {
    needs: &'static [Need],
    trials: Vec<Trial>,
    threads: Option<usize>,
}

impl Suite {
    /// One without tests.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs tests one after the other, unless the command line asks for something else.
    pub fn one_at_a_time(mut self) -> Self {
        self.threads = Some(1);
        self
    }

    /// What the tests that are added from now on need, beside what each names.
    pub fn needing(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Adds tests that are functions without arguments.
    pub fn tests(self, tests: &[Test<fn() -> Outcome>]) -> Self {
        self.tests_with(tests, |run| run())
    }

    /// Adds tests that `call` runs.
    pub fn tests_with<F: Copy + Send + Sync + 'static>(
        mut self,
        tests: &[Test<F>],
        call: impl Fn(F) -> Outcome + Copy + Send + 'static,
    ) -> Self {
        for test in tests {
            let run = test.run;
            self = self.test(test.name, test.needs, move || call(run));
        }
        self
    }

    /// Adds a test whose name is made when the program runs.
    pub fn test(
        mut self,
        name: impl Into<String>,
        needs: &'static [Need],
        run: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Self {
        let name = name.into();
        let full = format!("{}::{name}", program());
        let needs: Vec<Need> = self.needs.iter().chain(needs).copied().collect();
        let trial = Trial::ignorable_test(name, move || {
            let outcome = needs.iter().try_for_each(Need::met).and_then(|()| run());
            let Err(failed) = outcome else {
                return Ok(Completion::Completed);
            };
            let Some(lacking) = failed.lacking() else {
                return Err(failed.message().into());
            };
            match skipped(&full, lacking, failed.message()) {
                Ok(reason) => Ok(Completion::ignored_with(reason)),
                Err(failed) => Err(failed.message().into()),
            }
        });
        self.trials.push(trial);
        self
    }

    /// Runs the tests that the command line asks for.
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        if let Some(threads) = self.threads {
            arguments.test_threads.get_or_insert(threads);
        }
        libtest_mimic::run(&arguments, self.trials).exit_code()
    }
}

/// The name of this test program: its file's, without the hash that cargo adds.
fn program() -> String {
    let path = env::current_exe().unwrap_or_default();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    match name.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 => name.to_owned(),
        _ => name,
    }
}
