//! Signals while guests run: nothing is left behind.

use std::{
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use test_support::Failed;

use crate::sandbox::{Sandbox, check, object, text};

/// A run with two guests that have begun.
fn started(sandbox: &Sandbox) -> Result<Child, Failed> {
    let plain = object("verify/objects/plain.o");
    let mut command: Command = sandbox.command(["verify", "--kernel", "6.1,6.12,7.3", &plain]);
    // A group of its own, as a shell gives it.
    let child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let since = Instant::now();
    while guests(sandbox) == 0 {
        if since.elapsed() > Duration::from_secs(60) {
            return Err("no guest was started".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    // Into the boot.
    thread::sleep(Duration::from_millis(500));
    Ok(child)
}

fn guests(sandbox: &Sandbox) -> usize {
    let processes = sandbox.processes();
    processes
        .iter()
        .filter(|line| line.contains("qemu-system") && line.contains("-kernel"))
        .count()
}

fn signal(process: i32, signal: i32) -> Result<(), Failed> {
    // SAFETY: kill takes two numbers and touches no memory of ours.
    match unsafe { libc::kill(process, signal) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// Sends a signal to a run, or to all of its group, and sees how it ends.
fn ended_by(sandbox: &Sandbox, number: i32, group: bool) -> Result<Output, Failed> {
    let child = started(sandbox)?;
    let process = i32::try_from(child.id())?;
    let since = Instant::now();
    signal(if group { -process } else { process }, number)?;
    let output = child.wait_with_output()?;
    check(since.elapsed() < Duration::from_secs(5), "soon", &output)?;
    Ok(output)
}

fn is_one_sentence(name: &str, output: &Output) -> Result<(), Failed> {
    let said = text(&output.stderr);
    check(
        output.status.code() == Some(130),
        "it was interrupted",
        output,
    )?;
    check(
        said.matches("error[").count() <= 1,
        "one error at most",
        output,
    )?;
    check(
        said.contains(&format!("stopped by {name}")),
        "it says why",
        output,
    )?;
    check(output.stdout.is_empty(), "no half of a result", output)
}

pub(crate) fn ctrl_c_leaves_nothing() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let output = ended_by(&sandbox, libc::SIGINT, true)?;
    is_one_sentence("SIGINT", &output)?;
    sandbox.is_clean()
}

pub(crate) fn sigterm_leaves_nothing() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let output = ended_by(&sandbox, libc::SIGTERM, false)?;
    is_one_sentence("SIGTERM", &output)?;
    sandbox.is_clean()
}

pub(crate) fn sigkill_leaves_nothing_for_long() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let output = ended_by(&sandbox, libc::SIGKILL, false)?;
    check(
        output.status.signal() == Some(libc::SIGKILL),
        "killed",
        &output,
    )?;
    let since = Instant::now();
    while !sandbox.processes().is_empty() {
        check(
            since.elapsed() < Duration::from_secs(5),
            "no process",
            &output,
        )?;
        thread::sleep(Duration::from_millis(20));
    }
    // Temporary directories of the dead are removed by the next run that makes one.
    let left = std::fs::read_dir(sandbox.path("tmp"))?.count();
    check(left > 0, "a directory to remove", &output)?;
    ended_by(&sandbox, libc::SIGINT, true)?;
    sandbox.is_clean()
}
