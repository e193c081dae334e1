//! Waits for locks of both kinds, held against what the workloads say of themselves.
use test_support::{Failed, Outcome, Test, repeat, tests};

use crate::{
    kernel::{OWNERS, RELEASES, Version, WAITS},
    record::{self, Recorded},
    report::array,
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![every_kind_of_wait_is_reported_as_it_was];

/// Older than any kernel that can be recorded.
const FUTEX: Version = Version(2, 6);

/// What is waited for, and since when kernels have it and tell of it.
const SCENARIOS: &[(&str, Version)] = &[
    ("file-position", WAITS),
    ("mmap", WAITS),
    ("pthread-mutex", FUTEX),
    ("rust-mutex", FUTEX),
    ("pthread-rwlock", FUTEX),
    ("pi-mutex", FUTEX),
    ("holder", FUTEX),
    ("futex-waitv", Version(5, 16)),
    ("futex2-wait", Version(6, 7)),
];

/// A busy neighbour stops an emulated CPU for longer than a wait lasts, so a recording that fails
/// is made once more.
fn every_kind_of_wait_is_reported_as_it_was() -> Outcome {
    repeat(2, record_and_compare)
}

fn record_and_compare() -> Outcome {
    let running = Version::running()?;
    let scenarios: Vec<&str> = SCENARIOS
        .iter()
        .filter(|(_, since)| *since <= running)
        .map(|(name, _)| *name)
        .collect();
    let recorded = record::workloads(&scenarios)?;

    // All that is wrong, as a guest is not soon asked again.
    let mut wrong = Vec::new();
    let mut check = |what: &str, result: Result<(), Failed>| {
        if let Err(failed) = result {
            wrong.push(format!("{what}: {}", failed.message()));
        }
    };
    check("account", recorded.account_holds());
    check("hooks", expect_hooks(&recorded, running));
    check(
        "notes",
        expect_a_sentence_without_kernel_locks(&recorded, running),
    );
    check("blind spots", expect_unknown_holders(&recorded, running));
    for of in &recorded.truths {
        let name = of["truth"]["scenario"].as_str().unwrap_or_default();
        check(name, recorded.agrees(of));
        check(name, recorded.names_pairs(of));
        match name {
            "file-position" if running >= OWNERS => {
                check(name, recorded.names_holders(of, "mutex"));
            }
            // Whoever reads is named by its release alone.
            "mmap" if running >= RELEASES => check(name, recorded.names_releases(of, "rwsem")),
            _ => {}
        }
    }
    if recorded.truths.len() != scenarios.len() {
        wrong.push(format!("{} truths of {scenarios:?}", recorded.truths.len()));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n").into())
}

fn expect_hooks(recorded: &Recorded, running: Version) -> Result<(), Failed> {
    for (hook, since) in [
        ("contention_begin", WAITS),
        ("contention_end", WAITS),
        ("contended_release", RELEASES),
        ("sched_switch", FUTEX),
        ("sched_waking", FUTEX),
    ] {
        if recorded.has_hook(hook)? != (running >= since) {
            return Err(format!("{hook}: {:#}", recorded.report["hooks"]).into());
        }
    }
    Ok(())
}

/// The report lists the kernel locks whose holders are unknown. Rwlocks are always among them.
fn expect_unknown_holders(recorded: &Recorded, running: Version) -> Result<(), Failed> {
    let spots = array(&recorded.report, "/about/blind_spots")?;
    let holders = spots
        .iter()
        .filter_map(|spot| spot.as_str()?.strip_prefix("holders of "))
        .collect::<Vec<_>>();
    let as_expected = match holders.as_slice() {
        [] => running < WAITS,
        [of] if running < RELEASES => running >= WAITS && of.starts_with("kernel locks other than"),
        [of] => of.starts_with("rwlocks") || of.starts_with("spinlocks and rwlocks"),
        _ => false,
    };
    if as_expected {
        return Ok(());
    }
    Err(format!("{spots:#?}").into())
}

fn expect_a_sentence_without_kernel_locks(
    recorded: &Recorded,
    running: Version,
) -> Result<(), Failed> {
    let told = array(&recorded.report, "/notes")?.iter().any(|note| {
        let note = note.as_str().unwrap_or_default();
        note.starts_with("Only user locks are recorded: this kernel")
    });
    if told == (running < WAITS) {
        return Ok(());
    }
    Err(format!("{:#}", recorded.report["notes"]).into())
}
