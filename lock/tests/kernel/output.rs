//! Where the report goes.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::{Completion, Failed};

use crate::{
    Test,
    expect::{expect, expect_code, expect_stderr},
    process::{Process, lock},
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    (
        "the_output_file_is_whole_or_untouched",
        the_output_file_is_whole_or_untouched,
    ),
    (
        "a_report_without_a_place_leaves_no_command",
        a_report_without_a_place_leaves_no_command,
    ),
    ("a_closed_pipe_is_no_error", a_closed_pipe_is_no_error),
];

fn the_output_file_is_whole_or_untouched() -> Result<Completion, Failed> {
    let folder = tempfile::tempdir()?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4k", "lock-test"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return Ok(Completion::ignored_with(
            "no small file system could be mounted",
        ));
    }
    let tested = on_a_full_disk(folder.path());
    let unmounted = Command::new("umount").arg(folder.path()).status()?;
    tested?;
    expect(unmounted.success(), || "umount failed".to_owned())?;
    Ok(Completion::Completed)
}

/// On a file system with room for one page.
fn on_a_full_disk(folder: &Path) -> Result<(), Failed> {
    let file = folder.join("report");
    let record = || {
        lock(&["record", "--duration", "0.05", "--output"])
            .arg(&file)
            .output()
    };
    expect_code(&record()?, 0)?;
    let whole = fs::read_to_string(&file)?;
    expect(whole.contains("Hooks: "), || format!("no report: {whole}"))?;
    // The page is taken: a new report does not fit beside the old one.
    let output = record()?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[disk-full]: could not write ")?;
    expect(fs::read_to_string(&file)? == whole, || {
        "the old report is gone".to_owned()
    })?;
    let entries = fs::read_dir(folder)?.count();
    expect(entries == 1, || format!("{entries} files are left"))
}

fn a_report_without_a_place_leaves_no_command() -> Result<Completion, Failed> {
    // The command holds stdout open for as long as it runs, so that the end of the pipe is
    // the end of the command.
    let began = Instant::now();
    let output = lock(&["record", "--duration", "0.1", "--output", "/dev/full", "--"])
        .args(["sleep", "33"])
        .output()?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[disk-full]: could not write /dev/full")?;
    expect(began.elapsed() < Duration::from_secs(30), || {
        format!("the command went on: {:?}", began.elapsed())
    })?;
    Ok(Completion::Completed)
}

fn a_closed_pipe_is_no_error() -> Result<Completion, Failed> {
    let mut record = Process::start(
        lock(&["record", "--duration", "0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    drop(record.0.stdout.take());
    let output = record.output()?;
    expect_code(&output, 0)?;
    expect(output.stderr.is_empty(), || format!("{output:?}"))?;
    Ok(Completion::Completed)
}
