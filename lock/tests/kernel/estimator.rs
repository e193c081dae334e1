//! The estimates of the default mode against `--exact`: the same waits, recorded by two
//! `lock`s at once.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use test_support::{Failed, Outcome, Test, machine::PERF, tests};

use crate::{
    expect::{expect, expect_code, number},
    process::{LOCK, Process, filtered, lock, report_with},
    truth::expect_account,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    estimates_by_caller_are_within_their_bounds: [PERF],
    estimates_by_thread_are_within_their_bounds,
    short_waits_are_not_overestimated_under_load
];

/// How many standard deviations an estimate may be off. The bounds that are shown, 1.96 of
/// them, hold in 95 of 100 cases by design. Of normal errors 3.5 would hold all but 1 of
/// 2,000; those of some dozen samples of very different weights have longer tails.
const SIGMAS: f64 = 5.0;

/// Half of the interval that is shown, in standard deviations.
const SHOWN: f64 = 1.96;

/// With fewer samples the variance is as uncertain as the estimate, and normal it is not.
const ENOUGH_SAMPLES: u64 = 30;

/// What a report says of a row, or of all waits.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    samples: u64,
    count: u64,
    count_error: u64,
    total_ns: u64,
    total_error_ns: u64,
}

/// A load with so many waits that most are not sampled.
struct Load {
    /// What a shell runs.
    script: String,
    /// How far the two recordings may be apart in a wait, in nanoseconds.
    ///
    /// They see it at slightly different moments, and the one stops the clock of the other
    /// for a while: `--exact` takes the stack of a kernel wait as it begins, before the
    /// other begins to count.
    apart_ns: f64,
}

/// Waits for a user lock that is held for microseconds: long enough that where the two
/// recordings begin to count does not matter.
fn user_locks() -> Load {
    Load {
        script: format!("exec {LOCK} workload short-waits --duration 6"),
        apart_ns: 2_000.0,
    }
}

/// Waits for locks of the kernel by 160 processes that write to each other. Most are shorter
/// than the walk of a stack takes, so that it is their number that can be compared.
fn kernel_locks() -> Load {
    Load {
        script: "exec perf bench sched messaging -g 4 -l 10000".to_owned(),
        apart_ns: 20_000.0,
    }
}

/// Records the load twice at once: the exact recording, and the one with samples.
fn record(folder: &Path, load: &Load) -> Result<(), Failed> {
    let script = format!("read go; {}", load.script);
    let mut recorded = Process::start(
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null()),
    )?;
    let pid = recorded.pid().to_string();
    let mut recorders = Vec::new();
    for (file, options) in [
        ("exact", &["--exact", "--buffer", "64"][..]),
        ("default", &[]),
    ] {
        let recorder = Process::start(
            lock(&["record", "--pid", &pid])
                .args(options)
                .arg("--output")
                .arg(folder.join(file))
                .stderr(Stdio::piped()),
        )?;
        recorder.until_attached(filtered())?;
        recorders.push(recorder);
    }
    let mut go = recorded.0.stdin.take().ok_or("no pipe")?;
    go.write_all(b"\n")?;
    expect_code(&recorded.output()?, 0)?;
    for recorder in recorders {
        expect_code(&recorder.output()?, 0)?;
    }
    Ok(())
}

fn estimates_by_caller_are_within_their_bounds() -> Outcome {
    compare("caller", &kernel_locks())
}

fn estimates_by_thread_are_within_their_bounds() -> Outcome {
    compare("thread", &user_locks())
}

/// Threads that know how often they waited, on a busy machine: what a sample takes is not part
/// of the waits, which are as short as that, and the rows add up.
#[expect(
    clippy::print_stdout,
    reason = "what was seen stands in the log of the test"
)]
fn short_waits_are_not_overestimated_under_load() -> Outcome {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("turns");
    let built = Command::new("cc")
        .args(["-O2", "-pthread", "-o"])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/turns.c"))
        .output()?;
    expect_code(&built, 0)?;
    let _busy = [busy()?, busy()?];
    let recording = folder.path().join("recording");
    let output = lock(&["record", "--output"])
        .arg(&recording)
        .arg("--")
        .arg(&program)
        .arg("3")
        .output()?;
    expect_code(&output, 0)?;
    let report = report_with(&recording, &["--by", "thread", "--idle", "--type", "futex"])?;
    expect_account(&report)?;
    let mut total_ns = 0;
    let mut compared = 0;
    let rows = rows(&report)?;
    for line in String::from_utf8(output.stdout)?.lines() {
        let (tid, waits) = line.split_once(' ').ok_or("no line of a thread")?;
        let waits: u64 = waits.parse()?;
        let name = format!("[{tid}]");
        let row = rows.iter().find(|(label, _)| label.contains(&name));
        let (label, row) = row.ok_or_else(|| format!("no row {name} in {rows:#?}"))?;
        println!(
            "{label}: {} ±{} of {waits} waits, {} ±{} ns, {} samples",
            row.count, row.count_error, row.total_ns, row.total_error_ns, row.samples
        );
        total_ns += row.total_ns;
        if row.samples < ENOUGH_SAMPLES {
            continue;
        }
        compared += 1;
        let bound = row.count_error as f64 / SHOWN * SIGMAS + waits as f64 / 100.0;
        expect(row.count.abs_diff(waits) as f64 <= bound, || {
            format!("{label} waited {waits} times, estimated {row:?}")
        })?;
    }
    expect(compared > 0, || format!("too few samples: {rows:#?}"))?;
    // Three threads cannot wait longer than the recording lasts.
    let most = 3 * number(&report, "/duration_ns")?;
    expect(total_ns <= most, || format!("{total_ns} ns of {most} ns"))
}

/// Keeps a CPU busy.
fn busy() -> Result<Process, Failed> {
    Process::start(Command::new("sh").args(["-c", "while :; do :; done"]))
}

/// How often a load is run again that had too few waits.
const ATTEMPTS: usize = 3;

fn compare(by: &str, load: &Load) -> Outcome {
    let mut too_few = String::new();
    for _ in 0..ATTEMPTS {
        match compare_once(by, load)? {
            Ok(()) => return Ok(()),
            Err(reason) => too_few = reason,
        }
    }
    Err(too_few.into())
}

/// Compares two recordings, unless there is too little to compare.
#[expect(
    clippy::print_stdout,
    reason = "what was seen stands in the log of the test"
)]
fn compare_once(by: &str, load: &Load) -> Result<Result<(), String>, Failed> {
    let folder = tempfile::tempdir()?;
    record(folder.path(), load)?;
    let read = |file| report_with(&folder.path().join(file), &["--by", by, "--idle"]);
    let (exact, sampled) = (read("exact")?, read("default")?);
    for report in [&exact, &sampled] {
        expect_account(report)?;
        expect_samples_in_one_place(report)?;
    }
    expect_same_waits(&exact, &sampled)?;
    for report in [&exact, &sampled] {
        expect_counted_sums(report)?;
    }

    // All waits were sampled in the one recording, few in the other.
    let (exact_rows, rows) = (rows(&exact)?, rows(&sampled)?);
    let lost = number(&exact, "/account/samples/buffer_full")?;
    let all: u64 = rows.values().map(|row| row.count).sum();
    let samples: u64 = rows.values().map(|row| row.samples).sum();
    println!("{samples} samples of {all} waits by {by}, {lost} lost of --exact");
    let mut compared = 0;
    for (name, row) in &rows {
        let exact = exact_rows.get(name).copied().unwrap_or_default();
        if row.samples < ENOUGH_SAMPLES {
            continue;
        }
        compared += 1;
        println!(
            "{name}: {} ±{} of {} waits, {} ±{} of {} ns, {} samples",
            row.count,
            row.count_error,
            exact.count,
            row.total_ns,
            row.total_error_ns,
            exact.total_ns,
            row.samples
        );
        let apart = row.count.abs_diff(exact.count) as f64;
        let bound = row.count_error as f64 / SHOWN * SIGMAS;
        expect(apart <= bound + lost as f64, || {
            format!("waits of {name}: {row:?}, exactly {exact:?}")
        })?;
        let apart = row.total_ns.abs_diff(exact.total_ns) as f64;
        let bound = row.total_error_ns as f64 / SHOWN * SIGMAS;
        let waits = row.count.max(exact.count) as f64;
        expect(apart <= bound + waits * load.apart_ns, || {
            format!("time of {name}: {row:?}, exactly {exact:?}")
        })?;
    }
    if compared == 0 {
        return Ok(Err(format!(
            "no row has enough of the {all} waits: the load was too low for a test"
        )));
    }
    Ok(Ok(()))
}

/// Each sample is used, or counted as lost, unless its wait is still open.
fn expect_samples_in_one_place(report: &Value) -> Result<(), Failed> {
    let samples = |name: &str| number(report, &format!("/account/samples/{name}"));
    let [taken, used, lost] = [samples("taken")?, samples("used")?, samples("buffer_full")?];
    let open = number(report, "/account/kernel/open")? + number(report, "/account/user/open")?;
    expect((used + lost..=used + lost + open).contains(&taken), || {
        format!("{taken} samples taken, {used} used, {lost} lost, {open} waits open")
    })
}

/// What both have counted in the kernel, without samples, is the same but for what the one
/// program saw and the other was kept from.
fn expect_same_waits(exact: &Value, sampled: &Value) -> Result<(), Failed> {
    for kind in ["kernel", "user"] {
        let ended = |report: &Value| number(report, &format!("/account/{kind}/ended"));
        let (exact, sampled) = (ended(exact)?, ended(sampled)?);
        let most = exact.max(sampled) / 100 + 5;
        expect(exact.abs_diff(sampled) <= most, || {
            format!("{exact} {kind} waits ended with --exact, {sampled} by default")
        })?;
    }
    Ok(())
}

/// Rows that are estimated come to what the same recording counted by lock, whatever the
/// samples are.
fn expect_counted_sums(report: &Value) -> Result<(), Failed> {
    let locks = report["locks"].as_array().ok_or("no locks")?;
    let rows = report["ranking"]["rows"].as_array().ok_or("no rows")?;
    for (figure, counted) in [("count", "/waits/count"), ("total_ns", "/waits/total_ns")] {
        let mut sum = 0;
        for row in rows {
            sum += number(row, &format!("/{figure}"))?;
        }
        let mut all = 0;
        for lock in locks {
            all += number(lock, counted)?;
        }
        // Each row is rounded.
        expect(sum.abs_diff(all) <= rows.len() as u64, || {
            format!("rows with a {figure} of {sum}, {all} counted")
        })?;
    }
    Ok(())
}

/// The rows of a report by their labels, with their samples.
fn rows(report: &Value) -> Result<BTreeMap<String, Figures>, Failed> {
    let mut rows: BTreeMap<String, Figures> = BTreeMap::new();
    let list = report["ranking"]["rows"].as_array().ok_or("no rows")?;
    for row in list {
        let label = row["label"].as_str().ok_or("a row without a label")?;
        let figures = rows.entry(label.to_owned()).or_default();
        figures.count += number(row, "/count")?;
        figures.count_error += number(row, "/count_error")?;
        figures.total_ns += number(row, "/total_ns")?;
        figures.total_error_ns += number(row, "/total_error_ns")?;
        for site in row["sites"].as_array().ok_or("no sites")? {
            figures.samples += number(report, &format!("/sites/{site}/waits/samples"))?;
        }
    }
    Ok(rows)
}
