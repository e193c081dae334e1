//! The locks of other people's libraries, in programs that time their own calls: the number of
//! waits, their time, the longest, the type, the name and the holder. The table in `docs/lock.md`
//! is what these tests print.

use std::{fmt, path::Path, process::Command};

use serde_json::Value;
use test_support::{Failed, Outcome, Test, skip, tests};

use crate::{
    actor,
    expect::{expect, expect_code, number},
    process::{lock, report_with},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    locks_of_glibc,
    locks_of_cpp,
    locks_of_rust,
    locks_of_crates,
    locks_of_musl,
];

/// How often programs are run again whose threads were kept from running.
const ATTEMPTS: usize = 3;

/// A kind of lock in a program.
struct Kind {
    /// As the program calls it.
    name: &'static str,
    lock_type: &'static str,
    /// The lock's name, with which its row begins.
    lock: &'static str,
}

const fn kind(name: &'static str, lock_type: &'static str, lock: &'static str) -> Kind {
    Kind {
        name,
        lock_type,
        lock,
    }
}

const GLIBC: &[Kind] = &[
    kind("mutex", "user mutex", "lock_mutex"),
    kind("recursive", "user mutex", "lock_recursive"),
    kind("errorcheck", "user mutex", "lock_errorcheck"),
    kind("robust", "user mutex", "lock_robust"),
    kind("pi", "pi mutex", "lock_pi"),
    kind("timed", "user mutex", "lock_timed"),
    kind("read", "user rwlock", "lock_read"),
    kind("write", "user rwlock", "lock_write"),
    kind("semaphore", "user semaphore", "lock_semaphore"),
    kind("stream", "user mutex", "stdio"),
];

const MUSL: &[Kind] = &[
    kind("mutex", "user mutex", "lock_mutex"),
    kind("recursive", "user mutex", "lock_recursive"),
    kind("errorcheck", "user mutex", "lock_errorcheck"),
    kind("robust", "user mutex", "lock_robust"),
    kind("pi", "pi mutex", "lock_pi"),
    kind("timed", "user mutex", "lock_timed"),
    kind("read", "user rwlock", "lock_read"),
    kind("write", "user rwlock", "lock_write"),
    kind("semaphore", "user semaphore", "lock_semaphore"),
    kind("stream", "user mutex", "stdio"),
];

const CPP: &[Kind] = &[
    kind("mutex", "user mutex", "lock_mutex"),
    kind("recursive", "user mutex", "lock_recursive"),
    kind("timed", "user mutex", "lock_timed"),
    kind("read", "user rwlock", "lock_read"),
    kind("write", "user rwlock", "lock_write"),
    kind("method", "user mutex", "lock_method"),
];

const RUST: &[Kind] = &[
    kind("mutex", "user mutex", "locks::LOCK_MUTEX"),
    kind("read", "user rwlock", "locks::LOCK_READ"),
    kind("write", "user rwlock", "locks::LOCK_WRITE"),
];

/// Locks of `parking_lot`, of the map of `dashmap`, and of tokio where a thread blocks for it.
const CRATES: &[Kind] = &[
    kind("mutex", "user mutex", "kernel::actor::crates::LOCK_MUTEX"),
    kind("fair", "user mutex", "kernel::actor::crates::LOCK_FAIR"),
    kind(
        "reentrant",
        "user mutex",
        "kernel::actor::crates::LOCK_REENTRANT",
    ),
    kind("read", "user rwlock", "kernel::actor::crates::LOCK_READ"),
    kind("write", "user rwlock", "kernel::actor::crates::LOCK_WRITE"),
    kind("map", "user rwlock", "in kernel::actor::crates::wait_map"),
    kind(
        "tokio",
        "user mutex",
        "in kernel::actor::crates::wait_tokio",
    ),
];

fn locks_of_glibc() -> Outcome {
    expect_locks("glibc", &["cc", "-pthread"], "locks.c", GLIBC)
}

fn locks_of_cpp() -> Outcome {
    expect_locks(
        "libstdc++",
        &["c++", "-std=c++20", "-pthread"],
        "locks.cpp",
        CPP,
    )
}

fn locks_of_rust() -> Outcome {
    let compiler = ["rustc", "--edition", "2021", "-C", "opt-level=1"];
    expect_locks("Rust std", &compiler, "locks.rs", RUST)
}

fn locks_of_crates() -> Outcome {
    let directory = tempfile::tempdir()?;
    let recording = directory.path().join("run.lock");
    let program = actor::command("crates")?;
    attempts(|| compare("crates", &program, &recording, CRATES))
}

/// Its functions have no unwind information.
fn locks_of_musl() -> Outcome {
    expect_locks("musl", &["musl-gcc", "-static"], "locks.c", MUSL)
}

/// What a program measured of its calls that waited for one kind of lock.
#[derive(Debug)]
struct Truth {
    kind: String,
    calls: u64,
    total_ns: u64,
    max_ns: u64,
}

impl Truth {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let kind = words.next()?.to_owned();
        let mut next = || words.next()?.parse().ok();
        Some(Self {
            kind,
            calls: next()?,
            total_ns: next()?,
            max_ns: next()?,
        })
    }
}

/// What is right of a kind.
struct Cells<'a> {
    library: &'a str,
    kind: &'a str,
    cells: [bool; 6],
    /// The share of the wait time that is attributed to the holder, in percent.
    holder_percent: u64,
}

impl fmt::Display for Cells<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} |", self.library, self.kind)?;
        let [measured @ .., holder] = &self.cells;
        for &right in measured {
            f.write_str(if right { " yes |" } else { " no |" })?;
        }
        let right = if *holder { "yes" } else { "no" };
        write!(f, " {right} ({} %) |", self.holder_percent)
    }
}

/// Builds a program of `primitives/`, records it, and compares the rows with what it measured.
fn expect_locks(library: &str, compiler: &[&str], source: &str, kinds: &[Kind]) -> Outcome {
    let directory = tempfile::tempdir()?;
    let program = directory.path().join("program");
    let (compiler, options) = compiler.split_first().ok_or("no compiler")?;
    let built = Command::new(compiler)
        .args(options)
        .args(if *compiler == "rustc" {
            &["-g"][..]
        } else {
            &["-O1", "-g"]
        })
        .arg("-o")
        .arg(&program)
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/kernel/primitives")
                .join(source),
        )
        .output()
        .map_err(|error| skip(compiler, format!("{compiler} cannot be run: {error}")))?;
    expect_code(&built, 0)?;
    let recording = directory.path().join("run.lock");
    let program = Command::new(program);
    attempts(|| compare(library, &program, &recording, kinds))
}

fn attempts(compare: impl Fn() -> Result<Result<(), String>, Failed>) -> Outcome {
    let mut failed = String::new();
    for _ in 0..ATTEMPTS {
        match compare()? {
            Ok(()) => return Ok(()),
            Err(reason) => failed = reason,
        }
    }
    Err(failed.into())
}

#[expect(
    clippy::print_stdout,
    reason = "what was seen stands in the log of the test"
)]
fn compare(
    library: &str,
    program: &Command,
    recording: &Path,
    kinds: &[Kind],
) -> Result<Result<(), String>, Failed> {
    let environment = program
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let output = lock(&["record", "--output"])
        .arg(recording)
        .arg("--")
        .arg(program.get_program())
        .envs(environment)
        .output()?;
    expect_code(&output, 0)?;
    let by_lock = report_with(recording, &[])?;
    let by_holder = report_with(recording, &["--by", "holder"])?;
    let printed = String::from_utf8(output.stdout)?;
    let mut wrong = String::new();
    for kind in kinds {
        let truth = printed
            .lines()
            .filter_map(Truth::read)
            .find(|truth| truth.kind == kind.name)
            .ok_or_else(|| format!("no {} in {printed}", kind.name))?;
        let cells = cells(library, kind, &truth, &by_lock, &by_holder)?;
        println!("{cells}");
        if cells.cells.contains(&false) {
            wrong += &format!("{cells} {truth:?}\n");
        }
    }
    if wrong.is_empty() {
        return Ok(Ok(()));
    }
    let labels: Vec<_> = rows(&by_lock)?
        .iter()
        .map(|row| row["label"].clone())
        .collect();
    Ok(Err(format!("{wrong}{labels:#?}")))
}

fn rows(report: &Value) -> Result<&Vec<Value>, Failed> {
    Ok(report["ranking"]["rows"].as_array().ok_or("no rows")?)
}

fn cells<'a>(
    library: &'a str,
    kind: &'a Kind,
    truth: &Truth,
    by_lock: &Value,
    by_holder: &Value,
) -> Result<Cells<'a>, Failed> {
    // All rows that may be of the lock, whatever their names and types are.
    let part = |prefix| format!("{prefix}{}", kind.name);
    let (variable, constant, caller) = (part("lock_"), part("LOCK_").to_uppercase(), part("wait_"));
    let (mut count, mut further_sleeps, mut total_ns, mut max_ns) = (0, 0, 0, 0);
    let (mut class, mut name, mut found) = (true, true, 0);
    for row in rows(by_lock)? {
        let label = row["label"].as_str().ok_or("no label")?;
        if ![&variable, &constant, &caller]
            .iter()
            .any(|part| label.contains(part.as_str()))
        {
            continue;
        }
        found += 1;
        count += number(row, "/count")?;
        further_sleeps += number(row, "/pieces")?;
        total_ns += number(row, "/total_ns")?;
        max_ns = number(row, "/max_ns")?.max(max_ns);
        class &= row["type"] == kind.lock_type;
        name &= label.starts_with(kind.lock) && label.contains(&format!("{caller} ("));
    }
    let (mut all_ns, mut holders_ns) = (0, 0);
    for row in rows(by_holder)? {
        let label = row["label"].as_str().ok_or("no label")?;
        if let Some((waiter, holder)) = label.split_once(" ← ")
            && waiter.contains(&caller)
        {
            let total_ns = number(row, "/total_ns")?;
            all_ns += total_ns;
            holders_ns += total_ns * u64::from(holder.starts_with("holder["));
        }
    }
    expect(truth.calls > 0, || format!("nobody waited: {truth:?}"))?;
    // A call is more than its sleeps, and takes longer on a busy machine. One that was
    // interrupted at once did not sleep.
    let near =
        |found: u64, truth: u64, calls: u64| found.abs_diff(truth) <= truth / 10 + calls * 500_000;
    Ok(Cells {
        library,
        kind: kind.name,
        cells: [
            // A thread that is kept from looking at the lock for long can be taken for one that
            // had it.
            count.abs_diff(truth.calls) <= 1 + (truth.calls + further_sleeps) / 10,
            near(total_ns, truth.total_ns, truth.calls),
            near(max_ns, truth.max_ns, 4),
            class,
            name && found == 1,
            // The others hold it for a hundredth of the time, unless they are kept from running.
            holders_ns * 10 >= all_ns * 6,
        ],
        holder_percent: 100 * holders_ns / all_ns.max(1),
    })
}
