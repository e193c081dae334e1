//! What is reported, against what the workload says of itself and against itself.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use crate::{
    Test,
    expect::{expect, expect_code, number, read_json},
    process::{FILTERED, LOCK, Process, SYSTEM_WIDE, lock},
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    (
        "counts_agree_with_the_workload",
        counts_agree_with_the_workload,
    ),
    ("grandchildren_are_followed", grandchildren_are_followed),
    (
        "pid_records_that_process_only",
        pid_records_that_process_only,
    ),
    (
        "the_system_wide_account_holds",
        the_system_wide_account_holds,
    ),
    (
        "two_at_once_do_not_disturb_each_other",
        two_at_once_do_not_disturb_each_other,
    ),
];

/// The begin of every wait is in one place, and none was lost.
fn expect_account(report: &Value) -> Result<(), Failed> {
    let lost = ["map_full", "map_busy", "nested", "end_not_seen"]
        .iter()
        .map(|cause| number(report, &format!("/events/lost/{cause}")))
        .sum::<Result<u64, _>>()?;
    let explained = number(report, "/events/repeats")?
        + number(report, "/events/reported")?
        + number(report, "/events/still_waiting")?
        + lost;
    let begins = number(report, "/events/begins")?;
    expect(
        begins == explained && report.pointer("/events/account_holds") == Some(&Value::Bool(true)),
        || format!("the account does not hold: {report:#}"),
    )
}

/// Holds a report against what the workload says of itself.
///
/// Counts are equal, except that a call of which the workload is unsure may be in the
/// report or not. The kernel's waits lie within the workload's, which also have the way
/// into the system call and back: some microseconds of some milliseconds, and once in a
/// while a preemption on the way, which is why the bound is 5 %. Seen on a
/// busy machine: 0.07 to 0.4 %.
#[expect(
    clippy::print_stdout,
    reason = "what was seen stands in the log of the test"
)]
fn expect_agreement(report: &Value, truth: &Value) -> Result<(), Failed> {
    expect_account(report)?;
    let sites = report.pointer("/sites").and_then(Value::as_array);
    let site = sites
        .into_iter()
        .flatten()
        .find(|site| {
            site["type"] == "mutex"
                // Some kernels name it __fdget_pos.
                && site["caller"].as_str().is_some_and(|name| name.ends_with("fdget_pos"))
        })
        .ok_or_else(|| format!("no mutex in fdget_pos: {report:#}"))?;
    let (count, waits) = (number(site, "/count")?, number(truth, "/waits")?);
    let unsure = number(truth, "/unsure")?;
    expect(waits > 0, || format!("too few waits to tell: {truth:#}"))?;
    expect((waits..=waits + unsure).contains(&count), || {
        format!("{count} waits reported: {truth:#}")
    })?;
    let (reported, total) = (number(site, "/total_ns")?, number(truth, "/total_ns")?);
    expect(
        unsure > 0 || (reported <= total && reported >= total - total / 20),
        || format!("{reported} ns reported of {total} ns"),
    )?;
    println!(
        "{count} waits of {waits} ({unsure} unsure), {reported} ns of {total} ns: {:.3} % less",
        100.0 - reported as f64 * 100.0 / total as f64
    );
    Ok(())
}

fn record_workload(command: &[&str]) -> Result<Completion, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let output = lock(&["record", "--format", "json", "--output"])
        .arg(&file)
        .arg("--")
        .args(command)
        .output()?;
    expect_code(&output, 0)?;
    expect_agreement(&read_json(&file)?, &serde_json::from_slice(&output.stdout)?)?;
    Ok(Completion::Completed)
}

fn counts_agree_with_the_workload() -> Result<Completion, Failed> {
    record_workload(&[LOCK, "workload", "--duration", "2", "--format", "json"])
}

fn grandchildren_are_followed() -> Result<Completion, Failed> {
    let script = format!("( {LOCK} workload --duration 1 --waiters 7 --format json & wait )");
    record_workload(&["sh", "-c", &script])
}

fn pid_records_that_process_only() -> Result<Completion, Failed> {
    // A child of the recorded process makes waits whose number is known; another process
    // makes the same kind of waits meanwhile.
    let script = format!("read go; {LOCK} workload --duration 1 --format json");
    let mut recorded = Process::start(
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped()),
    )?;
    let _other = Process::start(lock(&["workload", "--duration", "60"]).stdout(Stdio::null()))?;
    let record = Process::start(
        lock(&["record", "--format", "json", "--pid"])
            .arg(recorded.pid().to_string())
            .stdout(Stdio::piped()),
    )?;
    record.until_attached(FILTERED)?;
    let mut go = recorded.0.stdin.take().ok_or("no pipe")?;
    go.write_all(b"\n")?;
    let truth = recorded.output()?;
    // It ends because the process did.
    let report = record.output()?;
    expect_code(&report, 0)?;
    expect_agreement(
        &serde_json::from_slice(&report.stdout)?,
        &serde_json::from_slice(&truth.stdout)?,
    )?;
    Ok(Completion::Completed)
}

fn the_system_wide_account_holds() -> Result<Completion, Failed> {
    // Recording begins and ends in the middle of waits.
    let _one = Process::start(lock(&["workload", "--duration", "60"]).stdout(Stdio::null()))?;
    let _two = Process::start(
        lock(&[
            "workload",
            "--duration",
            "60",
            "--waiters",
            "30",
            "--hold",
            "1",
        ])
        .stdout(Stdio::null()),
    )?;
    for _ in 0..5 {
        let output = lock(&["record", "--format", "json", "--duration", "0.3"]).output()?;
        expect_code(&output, 0)?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        expect_account(&report)?;
        expect(number(&report, "/events/reported")? > 10, || {
            format!("too few waits to tell: {report:#}")
        })?;
    }
    Ok(Completion::Completed)
}

fn two_at_once_do_not_disturb_each_other() -> Result<Completion, Failed> {
    let other = Process::start(lock(&["record"]).stdout(Stdio::null()))?;
    other.until_attached(SYSTEM_WIDE)?;
    counts_agree_with_the_workload()
}
