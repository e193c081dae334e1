//! How a recording ends, and what is left then.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use test_support::{Failed, Outcome, Test, tests};

use crate::{
    attached::Programs,
    expect::{expect, expect_code, expect_report, expect_stderr},
    process::{Process, filtered, lock, set_action, system_wide},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    signals_end_with_the_report,
    an_ignored_signal_stays_ignored,
    ctrl_c_ends_the_command_too,
    kill_leaves_nothing_attached,
    each_end_leaves_nothing_attached,
    a_failed_command_passes_on_its_code,
    a_missing_command_is_said,
    the_duration_ends_the_command,
    a_process_that_ends_at_once_ends_the_recording
];

/// No machine is so slow that what takes a moment takes this long.
const LONG: Duration = Duration::from_secs(30);

fn signals_end_with_the_report() -> Outcome {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let record = Process::start(lock(&["record"]).stdout(Stdio::piped()))?;
        let programs = Programs::once_attached(&record, system_wide())?;
        record.signal(signal);
        let output = record.output()?;
        expect_code(&output, 0)?;
        expect_report(&output)?;
        programs.expect_gone()?;
    }
    Ok(())
}

fn an_ignored_signal_stays_ignored() -> Outcome {
    let mut command = lock(&["record"]);
    set_action(&mut command, libc::SIGHUP, libc::SIG_IGN); // As nohup does.
    let mut record = Process::start(command.stdout(Stdio::piped()))?;
    record.until_attached(system_wide())?;
    record.signal(libc::SIGHUP);
    // Long enough for a recording to end.
    thread::sleep(Duration::from_millis(500));
    expect(record.0.try_wait()?.is_none(), || {
        "SIGHUP ended it".to_owned()
    })?;
    expect(record.attached() == system_wide(), || {
        "SIGHUP ended the recording".to_owned()
    })?;
    record.signal(libc::SIGTERM);
    expect_code(&record.output()?, 0)?;
    Ok(())
}

fn ctrl_c_ends_the_command_too() -> Outcome {
    // A terminal sends SIGINT to the whole group; a kill to lock alone.
    for whole_group in [true, false] {
        let record = Process::start(
            lock(&["record", "--", "sleep", "60"])
                .process_group(0)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        )?;
        record.until_attached(filtered())?;
        let group = if whole_group { -1 } else { 1 } * record.pid() as i32;
        // SAFETY: takes integers; the child has not been waited for.
        unsafe { libc::kill(group, libc::SIGINT) };
        let began = Instant::now();
        // The pipes close when the command has ended as well.
        let output = record.output()?;
        expect_code(&output, 0)?;
        expect_soon(began)?;
        expect_report(&output)?;
    }
    Ok(())
}

fn kill_leaves_nothing_attached() -> Outcome {
    // The command outlives lock: it must not hold the pipes of whoever runs the tests.
    let record = Process::start(
        lock(&["record", "--", "sleep", "60"])
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    let programs = Programs::once_attached(&record, filtered())?;
    // The command would outlive the test.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", record.pid()))
        .unwrap_or_default();
    drop(record); // SIGKILL
    for child in children.split_whitespace().flat_map(str::parse) {
        // SAFETY: takes integers. The child slept 60 s, so that the number is its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
    }
    programs.expect_gone()?;
    Ok(())
}

fn each_end_leaves_nothing_attached() -> Outcome {
    // The time is over, the command ends, and what is left of a report has no place: each is
    // long enough for its programs to be seen.
    for (options, programs, code) in [
        (&["--duration", "1"][..], system_wide(), 0),
        (&["--", "sleep", "1"], filtered(), 0),
        (&["--", "sh", "-c", "sleep 1; exit 3"], filtered(), 3),
        (
            &["--duration", "1", "--report", "/dev/full"],
            system_wide(),
            1,
        ),
    ] {
        let record = Process::start(
            lock(&["record"])
                .args(options)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        )?;
        let programs = Programs::once_attached(&record, programs)?;
        expect_code(&record.output()?, code)?;
        programs.expect_gone()?;
    }
    // The process ends.
    let process = Process::start(Command::new("sleep").arg("1000"))?;
    let record = record_process(&process)?;
    let programs = Programs::once_attached(&record, filtered())?;
    drop(process);
    expect_code(&record.output()?, 0)?;
    programs.expect_gone()?;
    Ok(())
}

fn record_process(process: &Process) -> Result<Process, Failed> {
    let pid = process.pid().to_string();
    Process::start(
        lock(&["record", "--pid", &pid])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )
}

fn a_process_that_ends_at_once_ends_the_recording() -> Outcome {
    // It ends before, while, and after lock looks at it.
    for milliseconds in (0..100).step_by(20) {
        let time = format!("0.{milliseconds:03}");
        let process = Process::start(Command::new("sleep").arg(time))?;
        let record = record_process(&process)?;
        let began = Instant::now();
        // A process that nobody has waited for is still there.
        process.output()?;
        let output = record.output()?;
        expect_soon(began)?;
        expect_ended_or_gone(&output)?;
    }
    Ok(())
}

/// A report, or the sentence that the process is none any more.
fn expect_ended_or_gone(output: &Output) -> Result<(), Failed> {
    if output.status.code() == Some(0) {
        return expect_report(output);
    }
    expect_code(output, 1)?;
    expect_stderr(output, "error[no-such-process]: ")
}

fn expect_soon(began: Instant) -> Result<(), Failed> {
    expect(began.elapsed() < LONG, || {
        format!("it took {:?}", began.elapsed())
    })
}

fn a_failed_command_passes_on_its_code() -> Outcome {
    let output = lock(&["record", "--", "sh", "-c", "exit 7"]).output()?;
    expect_code(&output, 7)?;
    expect_stderr(
        &output,
        "error[command-failed]: the command failed (exit status: 7)",
    )?;
    expect_report(&output)?;
    let output = lock(&["record", "--", "sh", "-c", "kill -USR1 $$"]).output()?;
    expect_code(&output, 128 + libc::SIGUSR1)?;
    Ok(())
}

fn a_missing_command_is_said() -> Outcome {
    let output = lock(&["record", "--", "/no/such/command"]).output()?;
    expect_code(&output, 127)?;
    expect_stderr(
        &output,
        "error[command-not-found]: could not start /no/such/command",
    )?;
    let output = lock(&["record", "--", "/"]).output()?;
    expect_code(&output, 126)?;
    Ok(())
}

fn the_duration_ends_the_command() -> Outcome {
    let began = Instant::now();
    let output = lock(&["record", "--duration", "0.2", "--", "sleep", "60"]).output()?;
    expect_code(&output, 0)?;
    expect_soon(began)?;
    Ok(())
}
