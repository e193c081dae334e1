//! Too much of everything: what there is no room for is counted, and the account holds.

use std::path::Path;

use serde_json::Value;
use test_support::{Failed, Outcome, Test, tests};

use crate::{
    actor,
    actor::Actor,
    expect::{expect, expect_code, number},
    process::{Process, filtered, lock, report},
    truth::expect_account,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    a_crowd_of_processes_leaves_the_account_holding,
    small_tables_lose_nothing_uncounted,
    each_of_20000_locks_is_counted
];

fn a_crowd_of_processes_leaves_the_account_holding() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    record_crowd(&file, &[])?;
    let report = report(&file)?;
    expect_account(&report)?;
    // Nearly each of the thousand processes has a thread that waits for a mutex or its end.
    expect(number(&report, "/account/user/ended")? > 500, || {
        format!("{:#}", report["account"])
    })?;
    Ok(())
}

fn record_crowd(file: &Path, options: &[&str]) -> Result<(), Failed> {
    // `record` passes the environment on, which makes the command the actor.
    let command = actor::command("crowd")?;
    let mut record = lock(&["record", "--output"]);
    record.arg(file).args(options).arg("--");
    record.arg(command.get_program());
    for (name, value) in command.get_envs() {
        record.env(name, value.unwrap_or_default());
    }
    expect_code(&record.output()?, 0)
}

fn small_tables_lose_nothing_uncounted() -> Outcome {
    // In runs of their own: behind a full table of threads, few waits reach that of locks.
    for (option, size, counted, shown) in [
        ("--max-locks", "8", "other", "(other locks: table full)"),
        (
            "--max-threads",
            "4",
            "lost/table_full",
            "because the thread table was full",
        ),
    ] {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("run.lock");
        record_crowd(&file, &["--exact", "--max-stacks", "8", option, size])?;
        let json = report(&file)?;
        expect_account(&json)?;
        expect(
            number(&json, &format!("/account/user/{counted}"))? > 0,
            || format!("{option} {size}, and {counted} is 0: {:#}", json["account"]),
        )?;
        // The rows have what the account says, those for other locks included.
        let in_rows = ended(&json)?;
        expect(in_rows == accounted(&json)?, || {
            format!("{in_rows} in rows: {:#}", json["account"])
        })?;
        let output = lock(&["report"]).arg(&file).output()?;
        expect_code(&output, 0)?;
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        expect(table.contains(shown), || table)?;
    }
    Ok(())
}

/// Waits that ended, as all rows together have them.
fn ended(report: &Value) -> Result<u64, Failed> {
    let mut sum = 0;
    for lock in report["locks"].as_array().ok_or("no locks")? {
        sum += waits_of(lock)?;
    }
    Ok(sum)
}

/// All waits for a lock, however they ended.
fn waits_of(lock: &Value) -> Result<u64, Failed> {
    let mut sum = 0;
    for figure in ["count", "timed_out", "interrupted", "not_acquired"] {
        sum += number(lock, &format!("/waits/{figure}"))?;
    }
    Ok(sum)
}

fn accounted(report: &Value) -> Result<u64, Failed> {
    Ok(number(report, "/account/kernel/ended")? + number(report, "/account/user/ended")?)
}

fn each_of_20000_locks_is_counted() -> Outcome {
    let mut actor = Actor::start("futexes")?;
    let bounds = number(&actor.plan, "/from")?..number(&actor.plan, "/until")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let record = Process::start(
        lock(&["record", "--pid", &actor.pid().to_string(), "--output"]).arg(&file),
    )?;
    record.until_attached(filtered())?;
    actor.begin()?;
    let truth = actor.line()?;
    actor.end()?;
    expect_code(&record.output()?, 0)?;
    let report = report(&file)?;
    expect_account(&report)?;
    let (mut own, mut others) = (0, 0);
    for lock in report["locks"].as_array().ok_or("no locks")? {
        let waits = waits_of(lock)?;
        let address = lock["address"].as_str().unwrap_or_default();
        let address = u64::from_str_radix(address.trim_start_matches("0x"), 16);
        if lock["kind"] == "private" && address.is_ok_and(|it| bounds.contains(&it)) {
            own += waits;
        } else if lock["kind"] == "other" {
            others += waits;
        }
    }
    let waited = number(&truth, "/woken")? + number(&truth, "/timed_out")?;
    let lost = number(&report, "/account/user/lost/end_not_seen")?;
    // In the rows for other locks may be some that are not among the 20,000.
    expect(
        waited > 10_000 && own <= waited && waited <= own + others + lost,
        || {
            format!(
                "{own} waits for the futexes, {others} for other locks, of {truth}: {:#}",
                report["account"]
            )
        },
    )?;
    Ok(())
}
