//! Each scenario's own account.

use std::{thread, time::Duration};

use super::{Entry, Scenario, TABLE};
use crate::workload::truth::Truth;

fn run(scenario: Scenario) -> Truth {
    let hold = match scenario {
        Scenario::ShortWaits => None,
        _ => Some(Duration::from_millis(4)),
    };
    // The affinity stays with this thread.
    thread::spawn(move || scenario.run(Duration::from_millis(200), 3, hold))
        .join()
        .unwrap()
        .unwrap_or_else(|error| panic!("{}: {error}", scenario.name()))
        .0
}

#[test]
fn every_scenario_is_in_the_table_once() {
    // One without an entry is never constructed, which the compiler reports.
    for entry in TABLE {
        let same = |other: &&Entry| other.scenario == entry.scenario || other.name == entry.name;
        assert_eq!(TABLE.iter().filter(same).count(), 1, "{}", entry.name);
        assert_eq!(Scenario::named(entry.name), Some(entry.scenario));
        assert_eq!(entry.scenario.name(), entry.name);
    }
}

/// Up to five runs: on a busy machine a short one can end before anybody had to wait.
fn run_with_waits(scenario: Scenario) -> Truth {
    let mut runs = (0..4).map(|_| run(scenario));
    let waited = |truth: &Truth| truth.locks.iter().all(|lock| lock.figures.waits > 0);
    runs.find(waited).unwrap_or_else(|| run(scenario))
}

#[test]
fn every_call_is_accounted_for() {
    for entry in TABLE {
        let scenario = entry.scenario.name();
        let truth = run_with_waits(entry.scenario);
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
            if entry.exact {
                assert!(figures.waits > 0, "{scenario}: {truth:?}");
                assert!(figures.min_ns <= figures.max_ns, "{scenario}: {truth:?}");
            }
        }
    }
}

#[test]
fn waits_are_as_long_as_the_lock_is_held() {
    for scenario in [
        Scenario::PthreadMutex,
        Scenario::RustMutex,
        Scenario::ParkingLot,
        Scenario::SharedMemory,
        Scenario::FutexWaitv,
    ] {
        let truth = run_with_waits(scenario);
        let figures = truth.sum();
        assert!(figures.waits > 0, "{truth:?}");
        // All are about to wait when the time begins; a thread may be kept from it.
        let mean_ns = figures.total_ns / figures.waits;
        assert!(mean_ns >= 3_000_000, "{}: {truth:?}", scenario.name());
        assert_eq!(figures.calls, truth.rounds * 3, "{truth:?}");
    }
}

#[test]
fn half_of_the_waiters_time_out_or_are_interrupted() {
    for scenario in [Scenario::PthreadTimedlock, Scenario::Interrupted] {
        let truth = run(scenario);
        let figures = truth.sum();
        let ended_without = figures.timed_out + figures.interrupted;
        assert!(
            ended_without > truth.rounds,
            "{}: {truth:?}",
            scenario.name()
        );
        assert!(ended_without <= truth.rounds * 2, "{truth:?}");
        assert!(figures.waits > 0, "{truth:?}");
    }
}

#[test]
fn a_chain_knows_who_waits_for_whom() {
    let truth = run(Scenario::Chain);
    assert_eq!(truth.threads, ["chain-c", "chain-a", "chain-b"]);
    for pair in &truth.pairs {
        assert!(truth.threads.contains(&pair.holder), "{pair:?}");
        assert!(truth.locks[pair.lock].figures.waits > 0, "{truth:?}");
    }
}
