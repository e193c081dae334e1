//! Each scenario's own measurements.

use std::{collections::HashSet, thread, time::Duration};

use super::{Plan, Scenario};
use crate::truth::Truth;

fn run(name: &str) -> Truth {
    let scenario = Scenario::named(name).unwrap();
    let plan = Plan {
        hold: (name != "short-waits").then_some(Duration::from_millis(4)),
        ..Plan::new(Duration::from_millis(200))
    };
    // The affinity stays with this thread.
    thread::spawn(move || scenario.run(&plan))
        .join()
        .unwrap()
        .unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

#[test]
fn names_are_unique() {
    let names: HashSet<_> = Scenario::all().map(Scenario::name).collect();
    assert_eq!(names.len(), Scenario::all().count());
}

/// Up to five runs: on a busy machine a short one can end before anybody had to wait.
fn run_with_waits(scenario: &str) -> Truth {
    let mut runs = (0..4).map(|_| run(scenario));
    let waited = |truth: &Truth| truth.locks.iter().all(|lock| lock.figures.waits > 0);
    runs.find(waited).unwrap_or_else(|| run(scenario))
}

#[test]
fn every_call_is_accounted_for() {
    for entry in Scenario::all() {
        let scenario = entry.name();
        let truth = run_with_waits(scenario);
        assert!(truth.rounds > 0, "{scenario}: {truth:?}");
        for lock in &truth.locks {
            let figures = lock.figures;
            let ended_without = figures.timed_out + figures.interrupted;
            let single = figures.calls - figures.unsure - figures.without_wait - ended_without;
            assert!(figures.waits >= single, "{scenario}: {truth:?}");
            // A call that lost the race for the lock waits again, as often as it takes.
            assert!(
                figures.repeated > 0 || figures.waits <= single + ended_without,
                "{scenario}: {truth:?}"
            );
            assert!(figures.max_ns <= figures.total_ns, "{scenario}: {truth:?}");
            assert!(
                figures.on_cpu_ns <= figures.total_ns,
                "{scenario}: {truth:?}"
            );
            if entry.is_exact() {
                assert!(figures.waits > 0, "{scenario}: {truth:?}");
                assert!(figures.min_ns <= figures.max_ns, "{scenario}: {truth:?}");
            }
        }
    }
}

#[test]
fn waits_are_as_long_as_the_lock_is_held() {
    for scenario in [
        "pthread-mutex",
        "rust-mutex",
        "parking-lot",
        "shared-memory",
        "futex-waitv",
    ] {
        let truth = run_with_waits(scenario);
        let figures = truth.sum();
        assert!(figures.waits > 0, "{truth:?}");
        // All are about to wait when the time begins; a thread may be kept from it.
        let mean_ns = figures.total_ns / figures.waits;
        assert!(mean_ns >= 3_000_000, "{}: {truth:?}", scenario);
        assert_eq!(figures.calls, truth.rounds * 3, "{truth:?}");
    }
}

#[test]
fn half_of_the_waiters_time_out_or_are_interrupted() {
    for scenario in ["pthread-timedlock", "interrupted"] {
        let truth = run(scenario);
        let figures = truth.sum();
        let ended_without = figures.timed_out + figures.interrupted;
        assert!(ended_without > truth.rounds, "{}: {truth:?}", scenario);
        assert!(ended_without <= truth.rounds * 2, "{truth:?}");
        assert!(figures.waits > 0, "{truth:?}");
    }
}

#[test]
fn a_chain_knows_who_waits_for_whom() {
    let truth = run("chain");
    assert_eq!(truth.threads, ["chain-c", "chain-a", "chain-b"]);
    for pair in &truth.pairs {
        assert!(truth.threads.contains(&pair.holder), "{pair:?}");
        assert!(truth.locks[pair.lock].figures.waits > 0, "{truth:?}");
    }
}
