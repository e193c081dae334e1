//! Where the report goes.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use test_support::{Failed, Outcome, Test, machine::MOUNT_NAMESPACE, tests};

use crate::{
    expect::{expect, expect_code, expect_report, expect_stderr, read_json},
    process::{LOCK, Process, lock, report},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    the_report_goes_to_its_file_and_the_command_to_stdout,
    the_report_file_is_whole_or_untouched: [MOUNT_NAMESPACE],
    a_report_without_a_place_leaves_no_command,
    a_recording_on_a_full_disk_is_said_and_reported: [MOUNT_NAMESPACE],
    a_recording_without_a_place_starts_no_command,
    a_closed_pipe_is_no_error
];

fn the_report_goes_to_its_file_and_the_command_to_stdout() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("report");
    let output = lock(&["record", "--format", "json", "--report"])
        .arg(&file)
        .args(["--", "echo", "from the command"])
        .output()?;
    expect_code(&output, 0)?;
    expect(output.stdout == b"from the command\n", || {
        format!("{output:?}")
    })?;
    let report = read_json(&file)?;
    expect(report["schema"] == 2, || format!("{report:#}"))?;
    Ok(())
}

/// Runs a script in a directory that is a file system of this size, in a mount namespace that
/// ends with it.
fn on_small_disk(size: &str, script: &str, keep: &Path) -> Result<Output, Failed> {
    const MOUNT: &str = "mount -t tmpfs -o size=\"$1\" lock-test /mnt || exit 99; \
         cd /mnt && lock=$2 keep=$3 && eval \"$4\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", MOUNT, "sh", size, LOCK])
        .arg(keep)
        .arg(script)
        .stdin(Stdio::null())
        .output()?;
    Ok(output)
}

fn the_report_file_is_whole_or_untouched() -> Outcome {
    // There is room for one page: the second report does not fit beside the first. With
    // three rows at the most, none needs more.
    const SCRIPT: &str = "record() {
             $lock record --duration 0.05 --format csv --by type --limit 3 --report report
         }
         record || exit 10
         cp report $keep/first
         record; code=$?
         cp report $keep/second
         ls -A > $keep/entries
         exit $code";
    let keep = tempfile::tempdir()?;
    let output = on_small_disk("4k", SCRIPT, keep.path())?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[disk-full]: could not write ")?;
    let kept = |name: &str| fs::read_to_string(keep.path().join(name));
    let first = kept("first")?;
    expect(first.starts_with("by,label,type,"), || {
        format!("no report: {first}")
    })?;
    expect(kept("second")? == first, || {
        "the old report is gone".to_owned()
    })?;
    let entries = kept("entries")?;
    expect(entries == "report\n", || format!("left behind: {entries}"))?;
    Ok(())
}

fn a_report_without_a_place_leaves_no_command() -> Outcome {
    // The command holds stdout open for as long as it runs, so that the end of the pipe is
    // the end of the command.
    let began = Instant::now();
    let output = lock(&["record", "--duration", "0.1", "--report", "/dev/full", "--"])
        .args(["sleep", "33"])
        .output()?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[disk-full]: could not write /dev/full")?;
    expect(began.elapsed() < Duration::from_secs(30), || {
        format!("the command went on: {:?}", began.elapsed())
    })?;
    Ok(())
}

fn a_recording_on_a_full_disk_is_said_and_reported() -> Outcome {
    // A second interval of so many stacks does not fit into what is left of the disk. What
    // fits is kept.
    const SCRIPT: &str = "dd if=/dev/zero of=filler bs=1k count=52 2>/dev/null
         $lock record --exact -o run.lock -- $lock workload short-waits --duration 2.5 \
             > $keep/stdout
         code=$?
         cp run.lock $keep/
         exit $code";
    let keep = tempfile::tempdir()?;
    let output = on_small_disk("64k", SCRIPT, keep.path())?;
    expect_stderr(&output, "error[disk-full]: could not write ")?;
    // The recording that was asked for is not whole.
    expect_code(&output, 1)?;
    // The report tells of everything all the same.
    let told = Output {
        stdout: fs::read(keep.path().join("stdout"))?,
        ..output
    };
    expect_report(&told)?;
    let rest = report(&keep.path().join("run.lock"))?;
    expect(breaks_off(&rest), || format!("notes: {:#}", rest["notes"]))?;
    Ok(())
}

/// Whether a report says that its recording has no end.
pub(crate) fn breaks_off(report: &serde_json::Value) -> bool {
    report["notes"].as_array().is_some_and(|notes| {
        notes
            .iter()
            .filter_map(serde_json::Value::as_str)
            .any(|note| note.starts_with("the recording is cut off after "))
    })
}

fn a_recording_without_a_place_starts_no_command() -> Outcome {
    let directory = tempfile::tempdir()?;
    let started = directory.path().join("started");
    for (place, error) in [
        ("/dev/full", "error[disk-full]: could not write /dev/full"),
        ("/", "error[is-a-directory]: could not write /"),
        (
            "/no/such/directory/run.lock",
            "error[not-found]: could not ",
        ),
        ("/etc/passwd", "error[would-overwrite]: could not write "),
    ] {
        let output = lock(&["record", "-o", place, "--", "touch"])
            .arg(&started)
            .output()?;
        expect_code(&output, 1)?;
        expect_stderr(&output, error)?;
        expect(!started.exists(), || {
            format!("the command was started for {place}")
        })?;
    }
    Ok(())
}

fn a_closed_pipe_is_no_error() -> Outcome {
    let mut record = Process::start(
        lock(&["record", "--duration", "0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    drop(record.0.stdout.take());
    let output = record.output()?;
    expect_code(&output, 0)?;
    expect(output.stderr.is_empty(), || format!("{output:?}"))?;
    // As a shell has it.
    const HEAD: &str = "\"$0\" record --duration 0.1 | head -1";
    let output = Command::new("sh").args(["-c", HEAD, LOCK]).output()?;
    expect_code(&output, 0)?;
    let lines = output.stdout.split_inclusive(|&byte| byte == b'\n').count();
    expect(lines == 1 && output.stderr.is_empty(), || {
        format!("{output:?}")
    })?;
    Ok(())
}
