//! Who is followed: threads and children that were not there when recording began.

use std::process::Stdio;
use test_support::{Outcome, Test, tests};

use crate::{
    actor::Actor,
    expect::{expect, expect_code},
    filters::{thread, waits},
    process::{Process, filtered, lock, report},
    truth::expect_account,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] =
    tests![pid_follows_new_threads_and_children_and_nobody_else];

fn pid_follows_new_threads_and_children_and_nobody_else() -> Outcome {
    let mut followed = Actor::start("late-waiters")?;
    let mut other = Actor::start("late-waiters")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let recorder = Process::start(
        lock(&["record", "--pid", &followed.pid().to_string(), "--output"])
            .arg(&file)
            .stderr(Stdio::piped()),
    )?;
    recorder.until_attached(filtered())?;
    other.begin()?;
    followed.begin()?;
    // The process's own threads, then those of its child.
    let theirs = [followed.line()?, followed.line()?];
    let others = [other.line()?, other.line()?];
    followed.end()?;
    other.end()?;
    // It ends because the process did.
    expect_code(&recorder.output()?, 0)?;
    let report = report(&file)?;
    expect_account(&report)?;
    for name in ["let-in", "kept-out"] {
        for truth in &theirs {
            let waiter = thread(truth, name)?;
            let count = waits(&report, truth, waiter)?;
            // Counted by the kernel, each of them, though not every stack is taken.
            expect(count == waiter["waits"].as_u64(), || {
                format!("{count:?} waits recorded of {waiter}")
            })?;
        }
        for truth in &others {
            let count = waits(&report, truth, thread(truth, name)?)?;
            expect(count.is_none(), || format!("recorded: {truth}"))?;
        }
    }
    Ok(())
}
