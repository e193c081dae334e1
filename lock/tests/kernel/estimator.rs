//! The estimates of the default mode against `--exact`: the same waits, recorded by two
//! `lock`s at once.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use test_support::{Failed, Outcome, Test, machine::PERF, skip, tests};

use crate::{
    expect::{expect, expect_code, number},
    process::{LOCK, Process, filtered, lock, report_with},
    truth::expect_account,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    estimates_by_caller_are_within_their_bounds: [PERF],
    estimates_by_thread_are_within_their_bounds
];

/// How many standard deviations an estimate may be off. The bounds that are shown, 1.96 of
/// them, hold in 95 of 100 cases by design. Of normal errors 3.5 would hold all but 1 of
/// 2,000; those of some hundred samples of very different weights have longer tails.
const SIGMAS: f64 = 5.0;

/// Half of the interval that is shown, in standard deviations.
const SHOWN: f64 = 1.96;

/// With fewer samples the variance is as uncertain as the estimate, and normal it is not.
const ENOUGH_SAMPLES: u64 = 100;

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
    /// Whose locks it waits for: `kernel` or `user`.
    kind: &'static str,
    /// How far the two recordings may be apart in a wait, in nanoseconds.
    ///
    /// They see it at slightly different moments, and the one stops the clock of the other
    /// for a while: `--exact` takes the stack of a kernel wait as it begins, before the
    /// other begins to count.
    apart_ns: f64,
    /// How many waits a row has at the least that is compared. With few samples that stand for
    /// many waits each, an estimate that is too low does not know that it is.
    enough: u64,
}

/// Waits for a user lock that is held for microseconds: long enough that where the two
/// recordings begin to count does not matter.
fn user_locks() -> Load {
    Load {
        script: format!("exec {LOCK} workload short-waits --duration 6"),
        kind: "user",
        apart_ns: 2_000.0,
        // At 5,000 waits a second and CPU a sample stands for 128 at the most.
        enough: 128 * 30,
    }
}

/// Waits for locks of the kernel by 160 processes that write to each other. Most are shorter
/// than the walk of a stack takes, so that it is their number that can be compared.
fn kernel_locks() -> Load {
    Load {
        script: "exec perf bench sched messaging -g 4 -l 10000".to_owned(),
        kind: "kernel",
        apart_ns: 20_000.0,
        enough: 0,
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
    Err(skip("load", too_few))
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
    }
    expect_same_waits(&exact, &sampled)?;
    let (mine, other) = match load.kind {
        "kernel" => ("kernel", "user"),
        _ => ("user", "kernel"),
    };
    let enough = expect_own_sum(&sampled, mine)?;
    // The load is not of the other kind: it is compared where there is enough of it all the same.
    expect_own_sum(&sampled, other)?;

    // All waits were sampled in the one recording, few in the other.
    let (exact_rows, rows) = (rows(&exact)?, rows(&sampled)?);
    let lost = number(&exact, "/account/samples/buffer_full")?;
    let all: u64 = rows.values().map(|row| row.count).sum();
    let samples: u64 = rows.values().map(|row| row.samples).sum();
    println!("{samples} samples of {all} waits by {by}, {lost} lost of --exact");
    if !enough {
        return Ok(Err(format!("{samples} samples of {all} waits are too few")));
    }
    // On a busy machine there are fewer waits, and most of them are sampled: then no sample
    // stands for so many that a row could miss them.
    let mostly_sampled = samples * 2 > all;
    let mut compared = 0;
    let mut sampled_fairly = Figures::default();
    let mut variance = 0.0;
    for (name, row) in &rows {
        let exact = exact_rows.get(name).copied().unwrap_or_default();
        sampled_fairly.count += row.count;
        variance += (row.count_error as f64 / SHOWN).powi(2);
        if row.samples < ENOUGH_SAMPLES || !mostly_sampled && exact.count < load.enough {
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
    // All rows together, those with few samples, too.
    let exact_count: u64 = exact_rows.values().map(|row| row.count).sum();
    let apart = sampled_fairly.count.abs_diff(exact_count) as f64;
    expect(apart <= SIGMAS * variance.sqrt() + lost as f64, || {
        format!(
            "{} ±{} waits in all, exactly {exact_count}",
            sampled_fairly.count,
            SHOWN * variance.sqrt()
        )
    })?;
    Ok(Ok(()))
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

/// What the samples of a recording come to, against what the same recording counted: every
/// wait, by lock. False where there are too few samples of the kind to compare.
fn expect_own_sum(report: &Value, kind: &str) -> Result<bool, Failed> {
    let locks = report["locks"].as_array().ok_or("no locks")?;
    let is_of_kind = |lock: &Value| (lock["kind"] == "kernel") == (kind == "kernel");
    let mut counted = Figures::default();
    for lock in locks.iter().filter(|lock| is_of_kind(lock)) {
        counted.count += number(lock, "/waits/count")?;
        counted.total_ns += number(lock, "/waits/total_ns")?;
    }
    let mut estimated = Figures::default();
    let (mut count_variance, mut total_variance) = (0.0, 0.0);
    for site in report["sites"].as_array().ok_or("no sites")? {
        let lock = usize::try_from(number(site, "/lock")?)?;
        if !locks.get(lock).is_some_and(is_of_kind) {
            continue;
        }
        estimated.samples += number(site, "/waits/samples")?;
        estimated.count += number(site, "/waits/count")?;
        estimated.total_ns += number(site, "/waits/total_ns")?;
        count_variance += (number(site, "/waits/count_error")? as f64 / SHOWN).powi(2);
        total_variance += (number(site, "/waits/total_error_ns")? as f64 / SHOWN).powi(2);
    }
    if estimated.samples < ENOUGH_SAMPLES {
        return Ok(false);
    }
    for (estimated, counted, variance) in [
        (estimated.count, counted.count, count_variance),
        (estimated.total_ns, counted.total_ns, total_variance),
    ] {
        let apart = estimated.abs_diff(counted) as f64;
        // Each site is rounded.
        let bound = SIGMAS * f64::sqrt(variance) + counted as f64 / 100.0;
        expect(apart <= bound, || {
            format!("{kind}: an estimate of {estimated} for {counted}, bound {bound}")
        })?;
    }
    Ok(true)
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
