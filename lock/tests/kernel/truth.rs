//! Every scenario of `lock workload`, recorded: what is reported against its truth.

use serde_json::Value;
use test_support::{Failed, Outcome, Suite, Test, repeat, skip, tests};

use crate::{
    expect::{expect, expect_code, number},
    process::{LOCK, lock, report},
    rows::{Row, chains, pair_share, rows},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    every_scenario_is_recorded,
    a_chain_is_reported_as_it_is,
    the_holder_is_named,
    the_holder_is_named_by_default,
];

/// Adds a test of each scenario in both modes.
pub(crate) fn add_scenarios(mut suite: Suite) -> Suite {
    for scenario in SCENARIOS {
        for (name, mode) in [("exact", Mode::Exact), ("default", Mode::Default)] {
            let name = format!("{name}_truth_of_{scenario}");
            suite = suite.test(name, &[], move || hold(scenario, mode));
        }
    }
    suite
}

const SCENARIOS: &[&str] = &[
    "file-position",
    "mmap",
    "spinlock",
    "pthread-mutex",
    "pthread-timedlock",
    "pthread-rwlock",
    "pthread-condvar",
    "pi-mutex",
    "semaphore",
    "barrier",
    "join",
    "rust-mutex",
    "rust-rwlock",
    "rust-condvar",
    "parking-lot",
    "short-waits",
    "long-waits",
    "chain",
    "holder",
    "shared-memory",
    "interrupted",
    "futex-requeue-pi",
    "futex-waitv",
    "futex2-wait",
];

/// How a scenario is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Each wait's stack is taken.
    Exact,
    /// Stacks of some waits are taken; the figures by lock are exact all the same.
    Default,
}

/// Types of locks whose waits are calls, however often a call sleeps.
const BY_CALL: [&str; 3] = ["user mutex", "user rwlock", "pi mutex"];

/// How far a reported total may be from what the threads measured, beyond what they know
/// that they do not know: 1 part in this many.
const WITHIN: u64 = 100;

/// How many standard deviations an estimate may be off. The bound that is shown, 1.96 of them,
/// is wrong once in 20 by design, and there are many scenarios: this one in 2,000.
const SIGMAS: f64 = 3.5;

/// Half of the interval that is shown, in standard deviations.
const SHOWN: f64 = 1.96;

/// So many waits with a chance of 1/64 stay unseen, all of them, once in 2,000 times.
const UNSEEN: u64 = 486;

fn every_scenario_is_recorded() -> Outcome {
    let output = lock(&["workload", "--list"]).output()?;
    expect_code(&output, 0)?;
    let list = String::from_utf8(output.stdout)?;
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    expect(names == SCENARIOS, || {
        format!("{names:?} instead of {SCENARIOS:?}")
    })?;
    Ok(())
}

/// Records a scenario: the report and the truth.
fn record(scenario: &str, mode: Mode) -> Result<(Value, Value), Failed> {
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("recording");
    let exact: &[&str] = match mode {
        // A debug build names stacks slowly: the buffer has to hold them meanwhile.
        Mode::Exact => &["--exact", "--buffer", "64"],
        Mode::Default => &[],
    };
    let output = lock(&["record"])
        .args(exact)
        .arg("--output")
        .arg(&recording)
        .args(["--", LOCK, "workload", scenario, "--duration", "1"])
        .args(["--format", "json"])
        .output()?;
    expect_code(&output, 0)?;
    let truth = serde_json::from_slice(&output.stdout)?;
    Ok((report(&recording)?, truth))
}

/// The system calls of scenarios that not every kernel has.
///
/// Numbers of the kernel's `include/uapi/asm-generic/unistd.h`.
const SYSTEM_CALLS: [(&str, libc::c_long); 2] = [("futex-waitv", 449), ("futex2-wait", 455)];

/// Skips a scenario whose system call the kernel lacks.
fn expect_system_call(scenario: &str) -> Outcome {
    let Some((_, number)) = SYSTEM_CALLS.iter().find(|(name, _)| *name == scenario) else {
        return Ok(());
    };
    // SAFETY: without a pointer to anything, each of them fails at once.
    let result = unsafe { libc::syscall(*number, 0, 0, 0, 0, 0, 0) };
    let error = std::io::Error::last_os_error();
    if result == -1 && error.raw_os_error() == Some(libc::ENOSYS) {
        return Err(skip(
            "futex2",
            format!("the kernel has no system call {number}"),
        ));
    }
    Ok(())
}

/// The workload knows its waits by its threads' voluntary context switches: one for something
/// else, such as a page that has to be read, makes its truth wrong. That is rare, so a scenario
/// that fails is recorded once more.
fn hold(scenario: &str, mode: Mode) -> Outcome {
    expect_system_call(scenario)?;
    repeat(2, || {
        let (report, truth) = record(scenario, mode)?;
        expect_truth(&report, &truth)
    })
}

/// Holds a report against what the workload says of itself.
pub(crate) fn expect_truth(report: &Value, truth: &Value) -> Result<(), Failed> {
    expect_account(report)?;
    let is_exact = report.pointer("/about/exact") == Some(&Value::Bool(true));
    let lost = number(report, "/account/samples/buffer_full")?;
    // A wait of which the report itself says that its end was not seen.
    let unseen = number(report, "/account/kernel/lost/end_not_seen")?
        + number(report, "/account/user/lost/end_not_seen")?;
    for lock in locks(truth)? {
        let found = rows(report, lock)?;
        let row = Row::sum(&found);
        let held = if truth["exact"] == true {
            expect_figures(&row, lock, unseen).and_then(|()| expect_estimate(&row, is_exact, lost))
        } else {
            expect_bounds(&row, truth, lock)
        };
        held.map_err(|what| {
            let scenario = &truth["scenario"];
            let (account, hooks) = (&report["account"], &report["hooks"]);
            format!(
                "{what}\n{scenario}: {row:#?}\nof {found:#?}\nagainst {lock:#}\n\
                 account: {account}\nhooks: {hooks}"
            )
        })?;
    }
    Ok(())
}

/// The begin of every wait is in one place, and none was lost.
pub(crate) fn expect_account(report: &Value) -> Result<(), Failed> {
    for kind in ["kernel", "user"] {
        let of = |name: &str| number(report, &format!("/account/{kind}/{name}"));
        let mut explained = 0;
        for place in ["repeats", "ended", "filtered", "open"] {
            explained += of(place)?;
        }
        for cause in ["table_full", "nested", "end_not_seen"] {
            explained += of(&format!("lost/{cause}"))?;
        }
        expect(of("begins")? == explained, || {
            format!(
                "the account of {kind} does not hold: {:#}",
                report["account"]
            )
        })?;
    }
    expect(
        report.pointer("/account/holds") == Some(&Value::Bool(true)),
        || format!("the account does not hold: {:#}", report["account"]),
    )
}

fn locks(truth: &Value) -> Result<&Vec<Value>, Failed> {
    truth["locks"]
        .as_array()
        .ok_or_else(|| format!("no locks in {truth:#}").into())
}

fn that(condition: bool, what: &str) -> Result<(), String> {
    if condition {
        Ok(())
    } else {
        Err(what.to_owned())
    }
}

fn field(lock: &Value, name: &str) -> Result<u64, String> {
    lock[name]
        .as_u64()
        .ok_or_else(|| format!("no number {name}"))
}

/// The figures of which every wait is counted, whether its stack was taken or not.
#[expect(
    clippy::print_stdout,
    reason = "what was seen stands in the log of the test"
)]
fn expect_figures(row: &Row, lock: &Value, unseen: u64) -> Result<(), String> {
    let (waits, unsure) = (field(lock, "waits")?, field(lock, "unsure")?);
    that(waits > 0, "the workload did not wait")?;
    // A release in the moment of the timeout may count as either: the report names it as a
    // blind spot.
    let timed_out = field(lock, "timed_out")?;
    let moved = row.timed_out.abs_diff(timed_out);
    that(moved <= timed_out.div_ceil(20), "timeouts")?;
    // A lock that is known by its caller only: glibc calls mprotect as well, for the stacks and
    // the heaps of the workload's threads.
    let others = if lock["address"].is_null() {
        3 + waits / 10
    } else {
        0
    };
    let most = waits + unsure + moved + others;
    that(
        (waits.saturating_sub(unseen + moved)..=most).contains(&(row.count + row.pieces)),
        "another number of sleeps",
    )?;
    expect_calls(row, lock, moved + unseen + unsure + others)?;
    that(
        unseen <= waits / 1000 + 1,
        "too many waits whose end was not seen",
    )?;
    that(
        row.interrupted == field(lock, "interrupted")?,
        "interruptions",
    )?;
    // A kernel's lock without a known type is not named by chance.
    that(
        lock["type"] == "futex" || row.types.iter().all(|known| lock["type"] == **known),
        "another type",
    )?;

    let (total, on_cpu) = (field(lock, "total_ns")?, field(lock, "on_cpu_ns")?);
    let off_cpu = total - on_cpu;
    let within = off_cpu / WITHIN;
    println!(
        "{}: {} waits of {waits} ({unsure} unsure), {} ns of {off_cpu} ns: {:+.3} %",
        lock["name"],
        row.count,
        row.total_ns,
        row.total_ns as f64 * 100.0 / off_cpu as f64 - 100.0
    );
    // A call that may have waited or not may be in the one total and not in the other.
    let doubtful = moved + unsure;
    let loose = field(lock, "loose_ns")? + (doubtful + unseen) * field(lock, "max_ns")?;
    that(
        (off_cpu - within).saturating_sub(loose) <= row.total_ns
            && row.total_ns <= total + within + doubtful * row.max_ns,
        "another total",
    )?;
    // A call that may have waited or not can be the longest. Two that are taken for one can be
    // longer than either.
    let longest = field(lock, "max_ns")?.max(field(lock, "unsure_max_ns")?);
    let is_joined = row.pieces > 0 && row.pieces > waits.saturating_sub(calls_that_waited(lock)?);
    let longest = longest << u32::from(is_joined);
    that(
        // A clock that is being adjusted is not quite the same in the kernel and outside.
        row.max_ns - row.max_ns / WITHIN <= longest,
        "a wait that is longer than the longest call",
    )
}

/// Of how many calls one may be taken for a part of the next: a thread that is kept from running
/// while it has the lock, and has nobody to wake when it releases it, leaves no trace of having had it.
const JOINED: u64 = 100;

/// Where a call waits until it has the lock, its sleeps are one wait. A thread that was kept from
/// looking at the lock for long can be taken for one that had it.
fn expect_calls(row: &Row, lock: &Value, unsure: u64) -> Result<(), String> {
    let is_by_call = row.types.iter().all(|known| BY_CALL.contains(&&**known));
    if !is_by_call {
        return that(row.pieces == 0, "pieces of waits");
    }
    let calls = calls_that_waited(lock)?;
    let further = field(lock, "waits")?.saturating_sub(calls);
    // glibc's rwlock has two words, and a call can wait for both: these are two waits.
    let more = match lock["type"] == "user rwlock" {
        true => further,
        false => further.div_ceil(10),
    };
    that(
        row.count + unsure + further.div_ceil(10) + calls / JOINED >= calls
            && row.count <= calls + unsure + more,
        "another number of calls",
    )
}

/// The calls that waited and then had the lock.
fn calls_that_waited(lock: &Value) -> Result<u64, String> {
    let mut calls = field(lock, "calls")?;
    for other in ["without_wait", "unsure", "timed_out", "interrupted"] {
        calls -= field(lock, other)?;
    }
    Ok(calls)
}

/// What is estimated from samples, against what the same report knows of every wait. Where
/// samples were lost, as the report says then, there may be less.
fn expect_estimate(row: &Row, is_exact: bool, lost: u64) -> Result<(), String> {
    let bound = match is_exact {
        true => 0,
        false => (row.estimated_error_ns as f64 / SHOWN * SIGMAS) as u64,
    };
    // Each row of the estimate is rounded. Waits that are sampled with a small chance can all
    // stay unseen, up to some hundred of them, and then no sample tells of it: what the estimate
    // lacks in time it must then lack in waits.
    let lacking = match is_exact {
        true => 0,
        false => row.count.abs_diff(row.estimated_count).min(UNSEEN),
    };
    let bound = bound + row.total_ns / 1000 + lacking.saturating_mul(row.max_ns);
    that(
        row.estimated_ns <= row.total_ns + bound
            && (lost > 0 || row.total_ns <= row.estimated_ns + bound),
        "the estimate is beyond its bound",
    )
}

/// Where the number of waits is not known, it and their time have limits.
fn expect_bounds(row: &Row, truth: &Value, lock: &Value) -> Result<(), String> {
    const SECOND: u64 = 1_000_000_000;
    let threads = truth["threads"].as_array().map_or(0, Vec::len) as u64;
    that(
        row.count >= field(lock, "waits")? && row.count <= field(lock, "calls")?,
        "more waits than calls",
    )?;
    // The threads go on for a moment beyond their second.
    that(
        row.total_ns <= threads * 2 * SECOND,
        "more time than there was",
    )
}

fn the_holder_is_named() -> Outcome {
    expect_pairs("holder", Mode::Exact)
}

/// The waiters wake each other: who wakes the second and the third is not who held the lock.
fn the_holder_is_named_by_default() -> Outcome {
    expect_pairs("holder", Mode::Default)
}

/// Nine tenths of the waiting for a lock is a known thread's for what a known thread has.
///
/// On a busy machine another thread may be kept from running while it has the lock, and is then
/// rightly reported as the holder: of some attempts one has to be without.
fn expect_pairs(scenario: &str, mode: Mode) -> Outcome {
    repeat(3, || expect_pairs_once(scenario, mode))
}

fn expect_pairs_once(scenario: &str, mode: Mode) -> Outcome {
    let (report, truth) = record(scenario, mode)?;
    let pairs = truth["pairs"].as_array().ok_or("no pairs")?;
    expect(!pairs.is_empty(), || format!("no pairs in {truth:#}"))?;
    for pair in pairs {
        let lock = &locks(&truth)?[usize::try_from(number(pair, "/lock")?)?];
        let (waiter, holder) = (pair["waiter"].as_str(), pair["holder"].as_str());
        let share = pair_share(
            &report,
            lock,
            waiter.ok_or("no waiter")?,
            holder.ok_or("no holder")?,
        )?;
        expect(share >= 0.9, || {
            format!("{pair}: {share} of the waiter's time\n{report:#}")
        })?;
    }
    Ok(())
}

fn a_chain_is_reported_as_it_is() -> Outcome {
    expect_pairs("chain", Mode::Exact)?;
    let (report, _) = record("chain", Mode::Exact)?;
    let chains = chains(&report)?;
    expect(
        chains
            .iter()
            .any(|names| names == &["chain-a", "chain-b", "chain-c"]),
        || format!("{chains:?}"),
    )?;
    Ok(())
}
