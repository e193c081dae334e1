//! What is in a recording when it ends in the middle.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::{Failed, Outcome, Test, tests};

use crate::{
    attached::Programs,
    expect::{expect, expect_code, expect_stderr, number},
    output::breaks_off,
    process::{Process, lock, report, system_wide},
    truth::expect_account,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    signals_leave_a_whole_recording,
    a_killed_recorder_leaves_what_it_had
];

/// The lines of a recording that can be read. Each is in a gzip member of its own.
fn lines(file: &Path) -> Result<Vec<Value>, Failed> {
    let decoder = flate2::bufread::MultiGzDecoder::new(BufReader::new(File::open(file)?));
    let lines = BufReader::new(decoder).lines();
    Ok(lines
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect())
}

fn recording_with_a_workload(file: &Path) -> Result<[Process; 2], Failed> {
    let workload = Process::start(
        lock(&["workload", "pthread-mutex", "--duration", "60"]).stdout(Stdio::null()),
    )?;
    let recorder = Process::start(
        lock(&["record", "--output"])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    Ok([workload, recorder])
}

fn signals_leave_a_whole_recording() -> Outcome {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("run.lock");
        let [_workload, recorder] = recording_with_a_workload(&file)?;
        let programs = Programs::once_attached(&recorder, system_wide())?;
        // Long enough for some waits of 10 ms.
        thread::sleep(Duration::from_millis(100));
        recorder.signal(signal);
        let output = recorder.output()?;
        expect_code(&output, 0)?;
        expect_stderr(&output, ": lock report ")?;
        expect(output.stdout.is_empty(), || format!("{output:?}"))?;
        programs.expect_gone()?;
        let lines = lines(&file)?;
        let end = lines.last().map(|line| &line["end"]);
        expect(
            end.is_some_and(|end| end["reason"] == "signal" && end["intervals"] != 0),
            || format!("it does not end well after signal {signal}: {end:#?}"),
        )?;
        let report = report(&file)?;
        expect_account(&report)?;
        expect(!breaks_off(&report), || format!("{:#}", report["notes"]))?;
        expect(number(&report, "/account/user/begins")? > 0, || {
            format!("nothing recorded: {:#}", report["account"])
        })?;
    }
    Ok(())
}

fn a_killed_recorder_leaves_what_it_had() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let [_workload, recorder] = recording_with_a_workload(&file)?;
    let programs = Programs::once_attached(&recorder, system_wide())?;
    // The header and an interval, which there is each second.
    let deadline = Instant::now() + Duration::from_secs(30);
    while lines(&file).map_or(0, |lines| lines.len()) < 2 {
        expect(Instant::now() < deadline, || {
            "no interval after 30 s".to_owned()
        })?;
        thread::sleep(Duration::from_millis(20));
    }
    drop(recorder); // SIGKILL
    programs.expect_gone()?;
    let report = report(&file)?;
    expect(breaks_off(&report), || format!("{:#}", report["notes"]))?;
    expect(number(&report, "/account/user/ended")? > 0, || {
        format!("nothing left: {:#}", report["account"])
    })?;
    Ok(())
}
