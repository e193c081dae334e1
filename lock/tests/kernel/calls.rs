//! A call for a lock that sleeps several times is one wait: programs that time their own calls,
//! with the locks of other people.

use std::{path::Path, process::Command};

use test_support::{Failed, Outcome, Test, skip, tests};

use crate::{
    expect::{expect, expect_code, number},
    process::{lock, report},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    calls_of_a_starved_thread_in_c,
    calls_of_a_starved_thread_in_cpp,
    calls_of_a_starved_thread_in_rust,
    calls_that_got_the_lock_each_time,
];

fn calls_of_a_starved_thread_in_c() -> Outcome {
    expect_calls("cc", &["-pthread"], "starved.c")
}

fn calls_of_a_starved_thread_in_cpp() -> Outcome {
    expect_calls("c++", &["-pthread"], "starved.cpp")
}

fn calls_of_a_starved_thread_in_rust() -> Outcome {
    expect_calls("rustc", &["--edition", "2021"], "starved.rs")
}

fn calls_that_got_the_lock_each_time() -> Outcome {
    expect_calls("cc", &["-pthread"], "contended.c")
}

/// What a program measured of its calls that slept.
struct Truth {
    calls: u64,
    sleeps: u64,
    total_ns: u64,
    max_ns: u64,
    /// The part of the total in which a thread may have been preempted awake, which is no wait.
    preempted_ns: u64,
}

impl Truth {
    fn read(output: &str) -> Option<Self> {
        let mut numbers = output.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            calls: next()?,
            sleeps: next()?,
            total_ns: next()?,
            max_ns: next()?,
            // Programs with calls of milliseconds do not tell: it is within their tolerance.
            preempted_ns: next().unwrap_or(0),
        })
    }
}

fn build(compiler: &str, options: &[&str], source: &str, program: &Path) -> Outcome {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/kernel/calls")
        .join(source);
    let built = Command::new(compiler)
        .args(["-g", "-O"])
        .args(options)
        .arg("-o")
        .arg(program)
        .arg(source)
        .output()
        .map_err(|error| skip(compiler, format!("{compiler} cannot be run: {error}")))?;
    expect_code(&built, 0)
}

/// Builds a program of `calls/`, records it, and compares the rows of mutexes with what the
/// program measured: the calls, their sleeps, their time, and the longest.
fn expect_calls(compiler: &str, options: &[&str], source: &str) -> Outcome {
    let directory = tempfile::tempdir()?;
    let program = directory.path().join("program");
    build(compiler, options, source, &program)?;
    let recording = directory.path().join("recording");
    let output = lock(&["record", "--output"])
        .arg(&recording)
        .arg("--")
        .arg(&program)
        .output()?;
    expect_code(&output, 0)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let truth = Truth::read(&printed).ok_or_else(|| format!("no numbers: {printed}"))?;
    let report = report(&recording)?;
    let (mut calls, mut sleeps, mut total_ns, mut max_ns) = (0, 0, 0, 0);
    for lock in report["locks"].as_array().ok_or("no locks")? {
        if lock["type"] == "user mutex" {
            let waits = &lock["waits"];
            let count = number(waits, "/count")?;
            calls += count;
            sleeps += count + number(waits, "/pieces")?;
            total_ns += number(waits, "/total_ns")?;
            max_ns = number(waits, "/max_ns")?.max(max_ns);
        }
    }
    let found = format!(
        "{calls} calls, {sleeps} sleeps, {total_ns} ns, longest {max_ns} ns; the program: {printed}"
    );
    let same = |what: &str, found_value: u64, truth: u64, within: u64| -> Result<(), Failed> {
        expect(found_value.abs_diff(truth) <= within, || {
            format!("another {what}: {found}")
        })
    };
    expect(truth.sleeps > 0, || format!("nobody waited: {found}"))?;
    // Allocations of libraries have locks, too.
    same(
        "number of sleeps",
        sleeps,
        truth.sleeps,
        2 + truth.sleeps / 50,
    )?;
    // A thread that is kept from looking at the lock for long can be taken for one that had it.
    let further = truth.sleeps.saturating_sub(truth.calls);
    same(
        "number of calls",
        calls,
        truth.calls,
        2 + further / 10 + truth.calls / 50,
    )?;
    let awake_at_most = truth
        .preempted_ns
        .min(truth.total_ns.saturating_sub(total_ns));
    same(
        "total",
        total_ns,
        truth.total_ns - awake_at_most,
        1_000_000 + truth.total_ns / 20,
    )?;
    // A call may be split, and that can be the longest. Two that are taken for one are as long as
    // both.
    let joined = 1 + u64::from(calls < truth.calls);
    let longest = joined * truth.max_ns;
    expect(max_ns <= longest + longest / 20, || {
        format!("a wait that is longer than the longest call: {found}")
    })
}
