//! What is reported, against what the workload says of itself and against itself.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};
use test_support::{Outcome, Test, tests};

use crate::{
    expect::{expect, expect_code, number},
    process::{LOCK, Process, filtered, lock, report, system_wide},
    truth::{expect_account, expect_truth},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    counts_agree_with_the_workload,
    grandchildren_are_followed,
    pid_records_that_process_only,
    the_system_wide_account_holds,
    two_at_once_are_both_right
];

fn record_workload(command: &[&str]) -> Outcome {
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("recording");
    let output = lock(&["record", "--output"])
        .arg(&recording)
        .arg("--")
        .args(command)
        .output()?;
    expect_code(&output, 0)?;
    expect_truth(
        &report(&recording)?,
        &serde_json::from_slice(&output.stdout)?,
    )?;
    Ok(())
}

fn counts_agree_with_the_workload() -> Outcome {
    record_workload(&[LOCK, "workload", "--duration", "2", "--format", "json"])
}

fn grandchildren_are_followed() -> Outcome {
    let script = format!("( {LOCK} workload --duration 1 --waiters 7 --format json & wait )");
    record_workload(&["sh", "-c", &script])
}

fn pid_records_that_process_only() -> Outcome {
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
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("recording");
    let record = Process::start(
        lock(&["record", "--pid"])
            .arg(recorded.pid().to_string())
            .arg("--output")
            .arg(&recording)
            .stdout(Stdio::piped()),
    )?;
    record.until_attached(filtered())?;
    let mut go = recorded.0.stdin.take().ok_or("no pipe")?;
    go.write_all(b"\n")?;
    let truth = recorded.output()?;
    // It ends because the process did.
    expect_code(&record.output()?, 0)?;
    expect_truth(
        &report(&recording)?,
        &serde_json::from_slice(&truth.stdout)?,
    )?;
    Ok(())
}

fn the_system_wide_account_holds() -> Outcome {
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
            "1ms",
        ])
        .stdout(Stdio::null()),
    )?;
    let folder = tempfile::tempdir()?;
    let mut ended = 0;
    for part in 0..5 {
        let recording = folder.path().join(part.to_string());
        let output = lock(&["record", "--duration", "0.3", "--output"])
            .arg(&recording)
            .output()?;
        expect_code(&output, 0)?;
        let report = report(&recording)?;
        expect_account(&report)?;
        ended += number(&report, "/account/kernel/ended")?;
    }
    // Together, as a busy machine lets the workloads begin late.
    expect(ended > 10, || format!("too few waits to tell: {ended}"))?;
    Ok(())
}

fn two_at_once_are_both_right() -> Outcome {
    let folder = tempfile::tempdir()?;
    let whole_system = folder.path().join("system");
    let other = Process::start(
        lock(&["record", "--exact", "--output"])
            .arg(&whole_system)
            .stderr(Stdio::null()),
    )?;
    other.until_attached(system_wide())?;
    let command = folder.path().join("command");
    let output = lock(&["record", "--output"])
        .arg(&command)
        .args(["--", LOCK, "workload", "pthread-mutex", "--duration", "1"])
        .args(["--format", "json"])
        .output()?;
    expect_code(&output, 0)?;
    other.signal(libc::SIGINT);
    expect_code(&other.output()?, 0)?;
    let truth = serde_json::from_slice(&output.stdout)?;
    expect_truth(&report(&command)?, &truth)?;
    expect_truth(&report(&whole_system)?, &truth)?;
    Ok(())
}
