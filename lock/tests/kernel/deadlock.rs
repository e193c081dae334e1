//! Threads that wait already when recording begins: who they are, where and for whom they wait,
//! and whether any of them can go on.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use test_support::{Failed, Outcome, Test, skip, tests};

use crate::{
    expect::{expect, expect_code},
    process::lock,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    a_deadlock_from_before_is_named,
    a_deadlock_of_robust_mutexes_is_named,
    a_thread_that_waits_for_itself_is_named,
    a_wait_from_before_is_no_deadlock,
];

fn a_deadlock_from_before_is_named() -> Outcome {
    let text = expect_deadlock("mutex", &["first", "second"])?;
    expect(text.starts_with("DEADLOCK of 2 threads"), || text)
}

fn a_deadlock_of_robust_mutexes_is_named() -> Outcome {
    expect_deadlock("robust", &["first", "second"]).map(drop)
}

fn a_thread_that_waits_for_itself_is_named() -> Outcome {
    let text = expect_deadlock("itself", &["itself"])?;
    expect(text.contains("which it holds itself"), || text)
}

/// The holder sleeps: it is named, and the wait leads the report.
fn a_wait_from_before_is_no_deadlock() -> Outcome {
    let program = Program::start("held")?;
    let (report, text) = program.record(0)?;
    expect(report["deadlocks"] == Value::Array(Vec::new()), || {
        format!("{:#}", report["deadlocks"])
    })?;
    let open = &report["open"][0];
    expect(open["at_least"] == true, || format!("{open:#}"))?;
    let holder = open["holder"].as_u64().ok_or("no holder")?;
    let tid = &report["threads"][usize::try_from(holder)?]["tid"];
    expect(*tid == u64::from(program.0.id()), || {
        format!("held by {tid}: {open:#}")
    })?;
    expect(text.starts_with("Still waiting at the end: "), || text)
}

/// Records a program whose threads wait for each other: the report.
fn expect_deadlock(kind: &str, callers: &[&str]) -> Result<String, Failed> {
    let (report, text) = Program::start(kind)?.record(3)?;
    let deadlocks = report["deadlocks"].as_array().ok_or("no deadlocks")?;
    expect(deadlocks.len() == 1, || format!("{deadlocks:?}: {text}"))?;
    let members = deadlocks[0].as_array().ok_or("no members")?;
    expect(members.len() == callers.len(), || text.clone())?;
    for caller in callers {
        expect(text.contains(&format!("in {caller}, ")), || {
            format!("{caller} is not in: {text}")
        })?;
    }
    Ok(text)
}

/// A program whose threads wait.
struct Program(Child);

impl Program {
    fn start(kind: &str) -> Result<Self, Failed> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("deadlock");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel/deadlock/deadlock.c");
        let built = Command::new("cc")
            .args(["-g", "-O1", "-fno-inline", "-o"])
            .args([&path, &source])
            .arg("-lpthread")
            .output()
            .map_err(|error| skip("cc", format!("cc cannot be run: {error}")))?;
        expect_code(&built, 0)?;
        let mut child = Command::new(&path)
            .arg(kind)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let program = Self(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        expect(line == "waiting\n", || format!("it ended: {line}"))?;
        Ok(program)
    }

    /// Records it for a moment. Returns the report as data and as text; both commands exit with
    /// this code.
    fn record(&self, code: i32) -> Result<(Value, String), Failed> {
        let directory = tempfile::tempdir()?;
        let recording = directory.path().join("recording");
        let pid = self.0.id().to_string();
        let output = lock(&["record", "--pid", &pid, "-d", "500ms", "-o"])
            .arg(&recording)
            .output()?;
        expect_code(&output, code)?;
        let report = |format: &str| -> Result<String, Failed> {
            let output = lock(&["report", "--format", format])
                .arg(&recording)
                .output()?;
            expect_code(&output, code)?;
            Ok(String::from_utf8(output.stdout)?)
        };
        Ok((serde_json::from_str(&report("json")?)?, report("human")?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
