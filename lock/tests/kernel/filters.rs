//! Filters: what they let in, and what they keep out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use test_support::{
    Failed, Outcome, Test,
    machine::{CGROUP, TWO_CPUS, cgroup_mount},
    tests,
};

use crate::{
    actor::Actor,
    expect::{expect, expect_code, number},
    process::{LOCK, Process, filtered, lock, report, report_with, system_wide},
    truth::{expect_account, expect_truth},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    tid_lets_in_that_thread,
    comm_lets_in_threads_of_that_name,
    address_lets_in_that_lock,
    cpu_lets_in_that_cpu: [TWO_CPUS],
    cgroup_lets_in_its_tasks: [CGROUP],
    min_wait_keeps_short_waits_out,
    type_lets_in_that_type,
    stack_shows_what_has_the_function
];

const LET_IN: &str = "let-in";
const KEPT_OUT: &str = "kept-out";

/// What an actor did, and what was recorded of it.
struct Recorded {
    report: Value,
    truth: Value,
    _folder: tempfile::TempDir,
    file: PathBuf,
}

/// Records `waiters` with options that its plan tells, of this many programs.
fn record(mut actor: Actor, options: &[&str], programs: usize) -> Result<Recorded, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let recorder = start(&file, options)?;
    recorder.until_attached(programs)?;
    actor.begin()?;
    let truth = actor.line()?;
    actor.end()?;
    recorder.signal(libc::SIGINT);
    expect_code(&recorder.output()?, 0)?;
    Ok(Recorded {
        report: report(&file)?,
        truth,
        _folder: folder,
        file,
    })
}

/// Starts to record into a file. By default all of the system, with every stack.
fn start(file: &Path, options: &[&str]) -> Result<Process, Failed> {
    Process::start(
        lock(&["record", "--exact", "--output"])
            .arg(file)
            .args(options)
            .stderr(Stdio::piped()),
    )
}

impl Recorded {
    /// That the waits of the one thread are recorded, each, and none of the other's.
    fn expect_filtered(&self) -> Result<(), Failed> {
        expect_account(&self.report)?;
        let let_in = thread(&self.truth, LET_IN)?;
        let count = waits(&self.report, &self.truth, let_in)?;
        let waited = number(let_in, "/waits")?;
        expect(waited > 0 && count == Some(waited), || {
            format!("{count:?} waits recorded of {let_in}")
        })?;
        let kept_out = thread(&self.truth, KEPT_OUT)?;
        let count = waits(&self.report, &self.truth, kept_out)?;
        expect(count.is_none(), || {
            format!("{count:?} waits recorded of {kept_out}")
        })
    }
}

/// A thread of an actor, by its name.
pub(crate) fn thread<'a>(told: &'a Value, name: &str) -> Result<&'a Value, Failed> {
    told["threads"]
        .as_array()
        .and_then(|threads| threads.iter().find(|thread| thread["name"] == name))
        .ok_or_else(|| format!("no thread {name} in {told}").into())
}

/// How many waits for a thread's futex a report has, in all its ways of waiting; none if it
/// does not know the futex.
pub(crate) fn waits(report: &Value, truth: &Value, thread: &Value) -> Result<Option<u64>, Failed> {
    let mut waits = None;
    for lock in report["locks"].as_array().ok_or("no locks")? {
        let process = lock["process"].as_u64().and_then(|process| {
            report["processes"].get(usize::try_from(process).ok()?)?["pid"].as_u64()
        });
        if process == truth["pid"].as_u64() && lock["address"] == thread["address"] {
            *waits.get_or_insert(0) += number(lock, "/waits/count")?;
        }
    }
    Ok(waits)
}

fn planned(actor: &Actor, field: &str) -> Result<String, Failed> {
    let planned = &thread(&actor.plan, LET_IN)?[field];
    Ok(planned
        .as_str()
        .map_or_else(|| planned.to_string(), str::to_owned))
}

fn tid_lets_in_that_thread() -> Outcome {
    let actor = Actor::start("waiters")?;
    let tid = planned(&actor, "tid")?;
    record(actor, &["--tid", &tid], system_wide())?.expect_filtered()?;
    Ok(())
}

fn comm_lets_in_threads_of_that_name() -> Outcome {
    let actor = Actor::start("waiters")?;
    record(actor, &["--comm", "nobody,let-in"], system_wide())?.expect_filtered()?;
    Ok(())
}

fn address_lets_in_that_lock() -> Outcome {
    let actor = Actor::start("waiters")?;
    let address = planned(&actor, "address")?;
    record(actor, &["--lock", &address], system_wide())?.expect_filtered()?;
    Ok(())
}

fn cpu_lets_in_that_cpu() -> Outcome {
    let actor = Actor::start("waiters")?;
    let cpu = planned(&actor, "cpu")?;
    record(actor, &["--cpu", &cpu], system_wide())?.expect_filtered()?;
    Ok(())
}

fn min_wait_keeps_short_waits_out() -> Outcome {
    const MIN_NS: u64 = 20_000_000;
    let actor = Actor::start("waiters")?;
    let pid = actor.pid().to_string();
    let recorded = record(actor, &["--pid", &pid, "--min-wait", "20ms"], filtered())?;
    let Recorded { report, truth, .. } = &recorded;
    expect_account(report)?;
    let locks = report["locks"].as_array().ok_or("no locks")?;
    for lock in locks {
        // A machine that is busy can make any wait a long one.
        let min_ns = number(lock, "/waits/min_ns");
        let is_long = number(lock, "/waits/count")? == 0 || min_ns? >= MIN_NS;
        expect(is_long, || format!("a short wait: {lock:#}"))?;
    }
    let let_in = waits(report, truth, thread(truth, LET_IN)?)?;
    expect(let_in.is_some_and(|count| count > 0), || {
        format!("no long wait: {:#}", report["account"])
    })?;
    // Every wait is either shown or counted as filtered.
    expect(number(report, "/account/user/filtered")? > 0, || {
        format!("no short wait was left out: {:#}", report["account"])
    })?;
    Ok(())
}

fn type_lets_in_that_type() -> Outcome {
    for (scenario, name, other) in [
        ("file-position", "mutex", "user"),
        ("pthread-mutex", "user-mutex", "kernel"),
    ] {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("run.lock");
        let output = lock(&["record", "--exact", "--type", name, "--output"])
            .arg(&file)
            .args(["--", LOCK, "workload", scenario, "--duration", "0.5"])
            .args(["--format", "json"])
            .output()?;
        expect_code(&output, 0)?;
        let report = report(&file)?;
        expect_truth(&report, &serde_json::from_slice(&output.stdout)?)?;
        let begins = number(&report, &format!("/account/{other}/begins"))?;
        expect(begins == 0, || {
            format!("{begins} {other} waits with --type {name}")
        })?;
    }
    Ok(())
}

fn stack_shows_what_has_the_function() -> Outcome {
    let actor = Actor::start("waiters")?;
    let pid = actor.pid().to_string();
    let recorded = record(actor, &["--pid", &pid], filtered())?;
    let shown = |stack: &str| report_with(&recorded.file, &["--by", "thread", "--stack", stack]);
    for (function, shown_thread) in [("wait_let_in", LET_IN), ("wait_kept_out", KEPT_OUT)] {
        let report = shown(function)?;
        let rows = report["ranking"]["rows"].as_array().ok_or("no rows")?;
        let waited = number(thread(&recorded.truth, shown_thread)?, "/waits")?;
        let [row] = rows.as_slice() else {
            return Err(format!("not one thread has {function}: {rows:#?}").into());
        };
        let is_that = row["label"]
            .as_str()
            .is_some_and(|label| label.starts_with(shown_thread));
        expect(is_that && number(row, "/count")? == waited, || {
            format!("{waited} waits of {shown_thread}: {row:#}")
        })?;
    }
    let none = shown("no_such_function")?;
    expect(
        none["ranking"]["rows"]
            .as_array()
            .is_some_and(Vec::is_empty),
        || format!("{:#}", none["ranking"]),
    )?;
    Ok(())
}

/// A cgroup (version 2) that is gone when the test is over.
struct Cgroup(PathBuf);

impl Cgroup {
    fn create(name: &str) -> Result<Self, Failed> {
        let path = cgroup_mount().ok_or("no cgroup2 is mounted")?.join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Tasks that were killed leave a moment later.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

fn cgroup_lets_in_its_tasks() -> Outcome {
    let name = format!("lock-test-{}", std::process::id());
    let cgroup = Cgroup::create(&name)?;
    let (inside, mut outside) = (Actor::start("waiters")?, Actor::start("waiters")?);
    fs::write(cgroup.0.join("cgroup.procs"), inside.pid().to_string())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let mut inside = inside;
    let recorder = start(&file, &["--cgroup", &name])?;
    recorder.until_attached(system_wide())?;
    outside.begin()?;
    inside.begin()?;
    let (in_truth, out_truth) = (inside.line()?, outside.line()?);
    inside.end()?;
    outside.end()?;
    recorder.signal(libc::SIGINT);
    expect_code(&recorder.output()?, 0)?;
    let report = report(&file)?;
    expect_account(&report)?;
    for name in [LET_IN, KEPT_OUT] {
        let inside = thread(&in_truth, name)?;
        let count = waits(&report, &in_truth, inside)?;
        expect(count == inside["waits"].as_u64(), || {
            format!("{count:?} waits recorded of {inside}")
        })?;
        let outside = thread(&out_truth, name)?;
        let count = waits(&report, &out_truth, outside)?;
        expect(count.is_none(), || {
            format!("{count:?} waits recorded of {outside}")
        })?;
    }
    Ok(())
}
