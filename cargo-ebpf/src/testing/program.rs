//! One test program, whose tests are run one at a time, each in a process of its own: so
//! it is known which one broke the kernel, and the others still run.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use ebpf_base::child::ending;
use ebpf_build::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{
    host::process::{Process, Spawner, lost},
    testing::log::TestLog,
    testing::skips::Skips,
};

/// A program made by `cargo test --no-run`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TestProgram {
    /// What people call it: the package, and its target where that has another name.
    pub name: String,
    /// The executable, where it runs.
    pub path: PathBuf,
    /// Where cargo would run it; none in a guest, which has no such folder.
    pub folder: Option<PathBuf>,
    /// Which tests: arguments of libtest.
    pub filters: Vec<String>,
    /// Tests to leave out: they have run, or the kernel has died of them.
    pub done: Vec<String>,
}

/// A test that has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tested {
    /// Its name.
    pub name: String,
    /// What came of it.
    #[serde(flatten)]
    pub result: TestResult,
    /// What it printed, if it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum TestResult {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It did not run.
    Skipped {
        /// Why, where it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// What a failed test's output is cut to, in bytes: its end is what counts.
const OUTPUT: usize = 64 << 10;

impl TestProgram {
    /// The names of its tests that are still to run. When the program does not tell them,
    /// that is a failure of its own.
    pub(crate) fn tests(&self, spawner: &Spawner) -> Vec<Result<String, Tested>> {
        const LIST: &str = "--list";
        let list = [LIST, "--format", "terse"];
        let ended = self.finish(self.process(spawner).args(list).args(&self.filters));
        let tests = match ended {
            Ok(ended) if ended.success => names_in(&ended.stdout),
            Ok(ended) => return vec![Err(failed(LIST, ended.said()))],
            Err(error) => return vec![Err(failed(LIST, error.to_string()))],
        };
        let to_run = tests.into_iter().filter(|test| !self.done.contains(test));
        to_run.map(Ok).collect()
    }

    /// Runs one of them.
    pub(crate) fn run(&self, test: &str, spawner: &Spawner) -> Tested {
        let skips = match Skips::new() {
            Ok(skips) => skips,
            Err(error) => return failed(test, error.to_string()),
        };
        let process = skips.pass_to(self.process(spawner));
        let mut arguments = vec!["--exact", test];
        // They are ignored by others only.
        let wanted = |filter: &String| ["--ignored", "--include-ignored"].contains(&&**filter);
        if self.filters.iter().any(wanted) {
            arguments.push("--include-ignored");
        }
        let ended = match self.finish(process.args(arguments)) {
            Ok(ended) => ended,
            Err(error) => return failed(test, error.to_string()),
        };
        let mut log = TestLog::default();
        ended.stdout.lines().for_each(|line| log.read(line));
        let result = if let Some(skip) = skips.all().pop() {
            TestResult::Skipped {
                reason: Some(skip.reason),
            }
        } else if let Some(skipped) = log.skipped_tests.pop() {
            TestResult::Skipped {
                reason: skipped.reason,
            }
        } else if ended.success && log.passed > 0 {
            TestResult::Passed
        } else {
            return failed(test, ended.said());
        };
        Tested {
            name: test.to_owned(),
            result,
            output: String::new(),
        }
    }

    fn process(&self, spawner: &Spawner) -> Process {
        let process = spawner.program(&self.path);
        match &self.folder {
            // As cargo does.
            Some(folder) => process
                .env("CARGO_MANIFEST_DIR", folder)
                .current_dir(folder),
            None => process.current_dir(Path::new("/")),
        }
    }

    fn finish(&self, process: Process) -> Result<Ended> {
        let mut program = process.start()?;
        let mut stdout = Vec::new();
        if let Some(mut output) = program.output() {
            output
                .read_to_end(&mut stdout)
                .map_err(|cause| lost(&self.name, &cause))?;
        }
        let (status, stderr) = program.end();
        Ok(Ended {
            success: status.is_some_and(|status| status.success()),
            how: status.map_or_else(|| "it did not finish".to_owned(), ending),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr,
        })
    }
}

struct Ended {
    success: bool,
    how: String,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// What a person needs to see of it: libtest's own words around it are left out.
    fn said(&self) -> String {
        let stdout = match self.stdout.split_once("\n\nfailures:\n\n") {
            Some((_, said)) => said.split("\n\nfailures:\n").next().unwrap_or(said),
            None => &self.stdout,
        };
        let parts = [stdout.trim(), self.stderr.trim(), &self.how];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }
}

fn failed(test: &str, output: String) -> Tested {
    let mut start = output.len().saturating_sub(OUTPUT);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    Tested {
        name: test.to_owned(),
        result: TestResult::Failed,
        output: output.get(start..).unwrap_or_default().to_owned(),
    }
}

/// `NAME: test`, a line each; libtest-mimic may have `[KIND] ` before it.
fn names_in(listing: &str) -> Vec<String> {
    let tests = listing
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    let names = tests.map(|test| {
        match test
            .strip_prefix('[')
            .and_then(|test| test.split_once("] "))
        {
            Some((_kind, name)) => name.to_owned(),
            None => test.to_owned(),
        }
    });
    names.collect()
}

/// The section that the crate `ebpf-test` leaves in the test programs that use it.
const MARK: &[u8] = b".ebpf_test";

/// Whether the test program at `path` uses `ebpf-test`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_marked(path: &Path) -> Result<bool> {
    use object::{Object as _, ObjectSection as _};
    let data = fs::read(path).map_err(|cause: io::Error| Error::io("read", path, &cause))?;
    Ok(object::File::parse(data.as_slice()).is_ok_and(|file| {
        file.sections()
            .any(|section| section.name_bytes() == Ok(MARK))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this() -> TestProgram {
        TestProgram {
            name: "this".to_owned(),
            path: std::env::current_exe().unwrap(),
            ..TestProgram::default()
        }
    }

    #[test]
    fn a_program_tells_its_tests_and_runs_one() {
        let mut program = TestProgram {
            filters: vec!["testing::program::tests::names".to_owned()],
            ..this()
        };
        let name = "testing::program::tests::names_are_lines";
        assert_eq!(program.tests(&Spawner::default()), [Ok(name.to_owned())]);
        assert_eq!(
            program.run(name, &Spawner::default()).result,
            TestResult::Passed
        );
        program.done.push(name.to_owned());
        assert_eq!(program.tests(&Spawner::default()), []);
    }

    #[test]
    fn a_test_that_is_not_there_has_not_passed() {
        assert_eq!(
            this().run("no::such", &Spawner::default()).result,
            TestResult::Failed
        );
    }

    #[test]
    fn a_program_that_is_not_there_has_failed() {
        let program = TestProgram {
            path: "/no/such".into(),
            ..this()
        };
        let tests = program.tests(&Spawner::default());
        let [Err(failed)] = tests.as_slice() else {
            panic!("{tests:?}")
        };
        assert!(failed.output.contains("no/such"), "{}", failed.output);
    }

    #[test]
    fn names_are_lines() {
        let names = names_in("a::b: test\nfast: bench\n[lint] c: test\n\n2 tests\n");
        assert_eq!(names, ["a::b", "c"]);
    }
}
