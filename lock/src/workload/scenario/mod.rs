//! The table of scenarios.

use std::{io, time::Duration};

use clap::ValueEnum;

use crate::{
    error::Result,
    workload::{
        Plan,
        chain::{self, Chain},
        crew::{failed, stay_on_this_cpu},
        hammer,
        interrupted::Interrupted,
        join::Join,
        mmap::MemoryMap,
        posix::{
            Culprit, PosixSemaphore, PthreadBarrier, PthreadCondvar, PthreadMutex, PthreadRwLock,
            TimedLock,
        },
        raw_futex::{Operation, RawFutex},
        rounds::{self, Contended},
        rust_locks::{ParkingLot, RustCondvar, RustMutex, RustRwLock},
        shared_memory::SharedMemory,
        shared_position::SharedPosition,
        truth::{Pair, Truth},
    },
};

/// Which contention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Scenario {
    /// Kernel mutex: the position of a file that threads share
    FilePosition,
    /// Kernel rwsem: the memory map of a process
    Mmap,
    /// Kernel spinlock: an eventfd that all threads write to
    Spinlock,
    /// pthread_mutex_lock
    PthreadMutex,
    /// pthread_mutex_timedlock, which every second waiter gives up
    PthreadTimedlock,
    /// pthread_rwlock_rdlock and _wrlock
    PthreadRwlock,
    /// pthread_cond_wait
    PthreadCondvar,
    /// pthread_mutex_lock with priority inheritance
    PiMutex,
    /// sem_wait
    Semaphore,
    /// pthread_barrier_wait
    Barrier,
    /// pthread_join
    Join,
    /// Rust's std::sync::Mutex
    RustMutex,
    /// Rust's std::sync::RwLock
    RustRwlock,
    /// Rust's std::sync::Condvar
    RustCondvar,
    /// parking_lot::Mutex
    ParkingLot,
    /// Very many short waits for one pthread mutex
    ShortWaits,
    /// Few long waits for one pthread mutex
    LongWaits,
    /// chain-a waits for chain-b, which waits for chain-c
    Chain,
    /// The thread `culprit` has a mutex, victim-0, -1, ... wait
    Holder,
    /// A pthread mutex that two processes share
    SharedMemory,
    /// sem_wait, which signals break off for every second waiter
    Interrupted,
    /// FUTEX_WAIT_REQUEUE_PI
    FutexRequeuePi,
    /// futex_waitv
    FutexWaitv,
    /// futex_wait of futex2
    Futex2Wait,
}

/// How a scenario is made.
struct Entry {
    scenario: Scenario,
    /// Whether the number of its waits is known.
    exact: bool,
    /// How long the lock is held if nothing else is asked for.
    hold: Duration,
    run: fn(&Plan) -> Result<Truth>,
}

const USUAL: Duration = Duration::from_millis(10);

const fn entry(scenario: Scenario, run: fn(&Plan) -> Result<Truth>) -> Entry {
    Entry {
        scenario,
        exact: true,
        hold: USUAL,
        run,
    }
}

const TABLE: &[Entry] = &[
    entry(Scenario::FilePosition, |plan| {
        on_one_cpu(plan, SharedPosition::new)
    }),
    entry(Scenario::Mmap, |plan| {
        on_one_cpu(plan, || MemoryMap::new(plan.waiters))
    }),
    Entry {
        exact: false,
        ..entry(Scenario::Spinlock, hammer::spinlock)
    },
    entry(Scenario::PthreadMutex, |plan| {
        in_rounds(plan, PthreadMutex::new())
    }),
    entry(Scenario::PthreadTimedlock, |plan| {
        in_rounds(plan, TimedLock::new(plan.hold))
    }),
    entry(Scenario::PthreadRwlock, |plan| {
        in_rounds(plan, PthreadRwLock::new())
    }),
    entry(Scenario::PthreadCondvar, |plan| {
        in_rounds(plan, PthreadCondvar::new())
    }),
    entry(Scenario::PiMutex, |plan| {
        in_rounds(plan, PthreadMutex::with_priority_inheritance())
    }),
    entry(Scenario::Semaphore, |plan| {
        in_rounds(plan, PosixSemaphore::new())
    }),
    entry(Scenario::Barrier, |plan| {
        in_rounds(plan, PthreadBarrier::new(plan.waiters))
    }),
    entry(Scenario::Join, |plan| in_rounds(plan, Ok(Join::default()))),
    entry(Scenario::RustMutex, |plan| {
        in_rounds(plan, Ok(RustMutex::default()))
    }),
    entry(Scenario::RustRwlock, |plan| {
        in_rounds(plan, Ok(RustRwLock::default()))
    }),
    entry(Scenario::RustCondvar, |plan| {
        in_rounds(plan, Ok(RustCondvar::default()))
    }),
    entry(Scenario::ParkingLot, |plan| {
        in_rounds(plan, Ok(ParkingLot::default()))
    }),
    Entry {
        hold: Duration::from_micros(2),
        ..entry(Scenario::ShortWaits, hammer::mutex)
    },
    Entry {
        hold: Duration::from_millis(250),
        ..entry(Scenario::LongWaits, |plan| {
            in_rounds(plan, PthreadMutex::new())
        })
    },
    entry(Scenario::Chain, |plan| {
        let plan = Plan {
            waiters: chain::WAITERS,
            ..*plan
        };
        Ok(Truth {
            pairs: chain::pairs(),
            ..in_rounds(&plan, Chain::new())?
        })
    }),
    entry(Scenario::Holder, |plan| {
        let truth = in_rounds(plan, Culprit::new())?;
        Ok(Truth {
            pairs: victims(&truth.threads),
            ..truth
        })
    }),
    entry(Scenario::SharedMemory, |plan| {
        in_rounds(plan, SharedMemory::new())
    }),
    entry(Scenario::Interrupted, |plan| {
        in_rounds(plan, Interrupted::new())
    }),
    entry(Scenario::FutexRequeuePi, |plan| {
        in_rounds(plan, RawFutex::new(Operation::RequeuePi))
    }),
    entry(Scenario::FutexWaitv, |plan| {
        in_rounds(plan, RawFutex::new(Operation::Waitv))
    }),
    entry(Scenario::Futex2Wait, |plan| {
        in_rounds(plan, RawFutex::new(Operation::Wait2))
    }),
];

fn in_rounds<C: Contended>(plan: &Plan, contended: io::Result<C>) -> Result<Truth> {
    rounds::run(plan, contended.map_err(failed("create what it waits for"))?)
}

fn on_one_cpu<C: Contended>(
    plan: &Plan,
    contended: impl FnOnce() -> io::Result<C>,
) -> Result<Truth> {
    stay_on_this_cpu().map_err(failed("keep its threads on one CPU"))?;
    in_rounds(plan, contended())
}

/// Everybody waits for the first.
fn victims(threads: &[String]) -> Vec<Pair> {
    let Some((culprit, victims)) = threads.split_first() else {
        return Vec::new();
    };
    victims
        .iter()
        .map(|victim| Pair {
            victim: victim.clone(),
            culprit: culprit.clone(),
            lock: 0,
        })
        .collect()
}

impl Scenario {
    /// Its name, as it is given.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Makes the contention, with a lock held for some time or for its usual time; says
    /// what it was, and whether the number of waits is known.
    ///
    /// # Errors
    ///
    /// What the system refused.
    pub(crate) fn run(
        self,
        duration: Duration,
        waiters: u32,
        hold: Option<Duration>,
    ) -> Result<(Truth, bool)> {
        let entry = TABLE.iter().find(|entry| entry.scenario == self);
        let entry = entry.ok_or_else(|| {
            crate::error::Error::new("workload", "the scenario is not in the table")
        })?;
        let plan = Plan {
            duration,
            waiters,
            hold: hold.unwrap_or(entry.hold),
        };
        Ok(((entry.run)(&plan)?, entry.exact))
    }
}

/// All scenarios, a line each.
pub(crate) fn list() -> String {
    let mut text = String::new();
    for entry in TABLE {
        let about = entry
            .scenario
            .to_possible_value()
            .and_then(|value| value.get_help().map(ToString::to_string));
        let name = entry.scenario.name();
        text.push_str(&format!("{name:<18} {}\n", about.unwrap_or_default()));
    }
    text
}

#[cfg(test)]
mod tests;
