//! How a recording ends, and what is left then.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Completion, Failed};

use crate::{
    Test,
    expect::{expect, expect_code, expect_stderr},
    process::{FILTERED, Process, SYSTEM_WIDE, lock, set_action},
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    ("signals_end_with_the_report", signals_end_with_the_report),
    (
        "an_ignored_signal_stays_ignored",
        an_ignored_signal_stays_ignored,
    ),
    ("ctrl_c_ends_the_command_too", ctrl_c_ends_the_command_too),
    ("kill_leaves_nothing_attached", kill_leaves_nothing_attached),
    (
        "a_failed_command_passes_on_its_code",
        a_failed_command_passes_on_its_code,
    ),
    ("a_missing_command_is_said", a_missing_command_is_said),
    (
        "the_duration_ends_the_command",
        the_duration_ends_the_command,
    ),
];

fn signals_end_with_the_report() -> Result<Completion, Failed> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let record = Process::start(lock(&["record"]).stdout(Stdio::piped()))?;
        record.until_attached(SYSTEM_WIDE)?;
        record.signal(signal);
        let output = record.output()?;
        expect_code(&output, 0)?;
        let report = String::from_utf8_lossy(&output.stdout);
        expect(report.contains("Hooks: the BTF tracepoints"), || {
            format!("no report after signal {signal}: {report}")
        })?;
    }
    Ok(Completion::Completed)
}

fn an_ignored_signal_stays_ignored() -> Result<Completion, Failed> {
    let mut command = lock(&["record"]);
    set_action(&mut command, libc::SIGHUP, libc::SIG_IGN); // As nohup does.
    let mut record = Process::start(command.stdout(Stdio::piped()))?;
    record.until_attached(SYSTEM_WIDE)?;
    record.signal(libc::SIGHUP);
    // Long enough for a recording to end.
    thread::sleep(Duration::from_millis(500));
    expect(record.0.try_wait()?.is_none(), || {
        "SIGHUP ended it".to_owned()
    })?;
    expect(record.descriptors("link_id:").len() == SYSTEM_WIDE, || {
        "SIGHUP ended the recording".to_owned()
    })?;
    record.signal(libc::SIGTERM);
    expect_code(&record.output()?, 0)?;
    Ok(Completion::Completed)
}

fn ctrl_c_ends_the_command_too() -> Result<Completion, Failed> {
    // A terminal sends SIGINT to the whole group; a kill to lock alone.
    for whole_group in [true, false] {
        let record = Process::start(
            lock(&["record", "--", "sleep", "60"])
                .process_group(0)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        )?;
        record.until_attached(FILTERED)?;
        let group = if whole_group { -1 } else { 1 } * record.pid() as i32;
        // SAFETY: takes integers; the child has not been waited for.
        unsafe { libc::kill(group, libc::SIGINT) };
        let began = Instant::now();
        // The pipes close when the command has ended as well.
        let output = record.output()?;
        expect_code(&output, 0)?;
        expect(began.elapsed() < Duration::from_secs(30), || {
            format!("it took {:?}", began.elapsed())
        })?;
        let report = String::from_utf8_lossy(&output.stdout);
        expect(report.contains("Hooks: "), || {
            format!("no report: {report}")
        })?;
    }
    Ok(Completion::Completed)
}

/// The numbers of all programs in the kernel.
fn loaded_programs() -> BTreeSet<u32> {
    let programs = aya::programs::loaded_programs();
    // One that is unloaded between its number and its description is an error (ENOENT):
    // it is no longer loaded, and tests beside this one unload theirs.
    programs
        .filter_map(Result::ok)
        .map(|program| program.id())
        .collect()
}

fn kill_leaves_nothing_attached() -> Result<Completion, Failed> {
    // The command outlives lock: it must not hold the pipes of whoever runs the tests.
    let record = Process::start(
        lock(&["record", "--", "sleep", "60"])
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    record.until_attached(FILTERED)?;
    let ours: BTreeSet<u32> = record.descriptors("prog_id:").into_iter().collect();
    expect(ours.len() == FILTERED, || format!("programs: {ours:?}"))?;
    expect(ours.is_subset(&loaded_programs()), || {
        "they are not loaded".to_owned()
    })?;
    // The command would outlive the test.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", record.pid()))
        .unwrap_or_default();
    drop(record); // SIGKILL
    for child in children.split_whitespace().flat_map(str::parse) {
        // SAFETY: takes integers. The child slept 60 s, so that the number is its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<u32> = loaded_programs().intersection(&ours).copied().collect();
        if left.is_empty() {
            return Ok(Completion::Completed);
        }
        expect(Instant::now() < deadline, || {
            format!("still loaded: {left:?}")
        })?;
        thread::sleep(Duration::from_millis(20));
    }
}

fn a_failed_command_passes_on_its_code() -> Result<Completion, Failed> {
    let output = lock(&["record", "--", "sh", "-c", "exit 7"]).output()?;
    expect_code(&output, 7)?;
    expect_stderr(
        &output,
        "error[command-failed]: the command ended with exit status: 7",
    )?;
    let report = String::from_utf8_lossy(&output.stdout);
    expect(report.contains("Hooks: "), || {
        format!("no report: {report}")
    })?;
    let output = lock(&["record", "--", "sh", "-c", "kill -USR1 $$"]).output()?;
    expect_code(&output, 128 + libc::SIGUSR1)?;
    Ok(Completion::Completed)
}

fn a_missing_command_is_said() -> Result<Completion, Failed> {
    let output = lock(&["record", "--", "/no/such/command"]).output()?;
    expect_code(&output, 127)?;
    expect_stderr(
        &output,
        "error[command-not-found]: the command /no/such/command could not",
    )?;
    let output = lock(&["record", "--", "/"]).output()?;
    expect_code(&output, 126)?;
    Ok(Completion::Completed)
}

fn the_duration_ends_the_command() -> Result<Completion, Failed> {
    let began = Instant::now();
    let output = lock(&["record", "--duration", "0.2", "--", "sleep", "60"]).output()?;
    expect_code(&output, 0)?;
    expect(began.elapsed() < Duration::from_secs(30), || {
        format!("it took {:?}", began.elapsed())
    })?;
    Ok(Completion::Completed)
}
