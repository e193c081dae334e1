//! The table of scenarios.

use std::{io, time::Duration};

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
            PosixSemaphore, PthreadBarrier, PthreadCondvar, PthreadMutex, PthreadRwLock, TimedLock,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scenario {
    /// Kernel mutex: the position of a file that threads share.
    FilePosition,
    /// Kernel rwsem: the memory map of a process.
    Mmap,
    /// Kernel spinlock: an eventfd that all threads write to.
    Spinlock,
    /// pthread_mutex_lock.
    PthreadMutex,
    /// pthread_mutex_timedlock, which every second waiter gives up.
    PthreadTimedlock,
    /// pthread_rwlock_rdlock and _wrlock.
    PthreadRwlock,
    /// pthread_cond_wait.
    PthreadCondvar,
    /// pthread_mutex_lock with priority inheritance.
    PiMutex,
    /// sem_wait.
    Semaphore,
    /// pthread_barrier_wait.
    Barrier,
    /// pthread_join.
    Join,
    /// Rust's std::sync::Mutex.
    RustMutex,
    /// Rust's std::sync::RwLock.
    RustRwlock,
    /// Rust's std::sync::Condvar.
    RustCondvar,
    /// parking_lot::Mutex.
    ParkingLot,
    /// Very many short waits for one pthread mutex.
    ShortWaits,
    /// Few long waits for one pthread mutex.
    LongWaits,
    /// chain-a waits for chain-b, which waits for chain-c.
    Chain,
    /// The thread `holder` has a mutex; waiter-0, waiter-1, ... wait for it.
    Holder,
    /// A pthread mutex that two processes share.
    SharedMemory,
    /// sem_wait, which signals break off for every second waiter.
    Interrupted,
    /// FUTEX_WAIT_REQUEUE_PI.
    FutexRequeuePi,
    /// futex_waitv.
    FutexWaitv,
    /// futex_wait of futex2.
    Futex2Wait,
}

/// How a scenario is made.
struct Entry {
    scenario: Scenario,
    /// As it is given on the command line.
    name: &'static str,
    /// In one line, for its users.
    about: &'static str,
    /// Whether the number of its waits is known.
    exact: bool,
    /// How long the lock is held if nothing else is asked for.
    hold: Duration,
    run: fn(&Plan) -> Result<Truth>,
}

const USUAL: Duration = Duration::from_millis(10);

const fn entry(
    scenario: Scenario,
    name: &'static str,
    about: &'static str,
    run: fn(&Plan) -> Result<Truth>,
) -> Entry {
    Entry {
        scenario,
        name,
        about,
        exact: true,
        hold: USUAL,
        run,
    }
}

const TABLE: &[Entry] = &[
    entry(
        Scenario::FilePosition,
        "file-position",
        "Kernel mutex: the position of a file that threads share",
        |plan| on_one_cpu(plan, SharedPosition::new),
    ),
    entry(
        Scenario::Mmap,
        "mmap",
        "Kernel rwsem: the memory map of a process",
        |plan| on_one_cpu(plan, || MemoryMap::new(plan.waiters)),
    ),
    Entry {
        exact: false,
        ..entry(
            Scenario::Spinlock,
            "spinlock",
            "Kernel spinlock: an eventfd that all threads write to",
            hammer::spinlock,
        )
    },
    entry(
        Scenario::PthreadMutex,
        "pthread-mutex",
        "pthread_mutex_lock",
        |plan| in_rounds(plan, PthreadMutex::new()),
    ),
    entry(
        Scenario::PthreadTimedlock,
        "pthread-timedlock",
        "pthread_mutex_timedlock, which every second waiter gives up",
        |plan| in_rounds(plan, TimedLock::new(plan.hold)),
    ),
    entry(
        Scenario::PthreadRwlock,
        "pthread-rwlock",
        "pthread_rwlock_rdlock and _wrlock",
        |plan| in_rounds(plan, PthreadRwLock::new()),
    ),
    entry(
        Scenario::PthreadCondvar,
        "pthread-condvar",
        "pthread_cond_wait",
        |plan| in_rounds(plan, PthreadCondvar::new()),
    ),
    entry(
        Scenario::PiMutex,
        "pi-mutex",
        "pthread_mutex_lock with priority inheritance",
        |plan| in_rounds(plan, PthreadMutex::with_priority_inheritance()),
    ),
    entry(Scenario::Semaphore, "semaphore", "sem_wait", |plan| {
        in_rounds(plan, PosixSemaphore::new())
    }),
    entry(
        Scenario::Barrier,
        "barrier",
        "pthread_barrier_wait",
        |plan| in_rounds(plan, PthreadBarrier::new(plan.waiters)),
    ),
    entry(Scenario::Join, "join", "pthread_join", |plan| {
        in_rounds(plan, Ok(Join::default()))
    }),
    entry(
        Scenario::RustMutex,
        "rust-mutex",
        "Rust's std::sync::Mutex",
        |plan| in_rounds(plan, Ok(RustMutex::default())),
    ),
    entry(
        Scenario::RustRwlock,
        "rust-rwlock",
        "Rust's std::sync::RwLock",
        |plan| in_rounds(plan, Ok(RustRwLock::default())),
    ),
    entry(
        Scenario::RustCondvar,
        "rust-condvar",
        "Rust's std::sync::Condvar",
        |plan| in_rounds(plan, Ok(RustCondvar::default())),
    ),
    entry(
        Scenario::ParkingLot,
        "parking-lot",
        "parking_lot::Mutex",
        |plan| in_rounds(plan, Ok(ParkingLot::default())),
    ),
    Entry {
        hold: Duration::from_micros(2),
        ..entry(
            Scenario::ShortWaits,
            "short-waits",
            "Very many short waits for one pthread mutex",
            hammer::mutex,
        )
    },
    Entry {
        hold: Duration::from_millis(250),
        ..entry(
            Scenario::LongWaits,
            "long-waits",
            "Few long waits for one pthread mutex",
            |plan| in_rounds(plan, PthreadMutex::new()),
        )
    },
    entry(
        Scenario::Chain,
        "chain",
        "chain-a waits for chain-b, which waits for chain-c",
        |plan| {
            let plan = Plan {
                waiters: chain::WAITERS,
                ..*plan
            };
            Ok(Truth {
                pairs: chain::pairs(),
                ..in_rounds(&plan, Chain::new())?
            })
        },
    ),
    entry(
        Scenario::Holder,
        "holder",
        "The thread `holder` has a mutex; waiter-0, waiter-1, ... wait for it",
        |plan| {
            let truth = in_rounds(plan, PthreadMutex::new())?;
            Ok(Truth {
                pairs: all_wait_for_the_first(&truth.threads),
                ..truth
            })
        },
    ),
    entry(
        Scenario::SharedMemory,
        "shared-memory",
        "A pthread mutex that two processes share",
        |plan| in_rounds(plan, SharedMemory::new()),
    ),
    entry(
        Scenario::Interrupted,
        "interrupted",
        "sem_wait, which signals break off for every second waiter",
        |plan| in_rounds(plan, Interrupted::new()),
    ),
    entry(
        Scenario::FutexRequeuePi,
        "futex-requeue-pi",
        "FUTEX_WAIT_REQUEUE_PI",
        |plan| in_rounds(plan, RawFutex::new(Operation::RequeuePi)),
    ),
    entry(Scenario::FutexWaitv, "futex-waitv", "futex_waitv", |plan| {
        in_rounds(plan, RawFutex::new(Operation::Waitv))
    }),
    entry(
        Scenario::Futex2Wait,
        "futex2-wait",
        "futex_wait of futex2",
        |plan| in_rounds(plan, RawFutex::new(Operation::Wait2)),
    ),
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

/// A pair for each thread but the first, which the others wait for.
fn all_wait_for_the_first(threads: &[String]) -> Vec<Pair> {
    let Some((holder, waiters)) = threads.split_first() else {
        return Vec::new();
    };
    waiters
        .iter()
        .map(|waiter| Pair {
            waiter: waiter.clone(),
            holder: holder.clone(),
            lock: 0,
        })
        .collect()
}

impl Scenario {
    /// The one with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let entry = TABLE.iter().find(|entry| entry.name == name)?;
        Some(entry.scenario)
    }

    /// Its name, as it is given.
    pub(crate) fn name(self) -> &'static str {
        self.entry().map_or("", |entry| entry.name)
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.scenario == self)
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
        let entry = self.entry().ok_or_else(|| {
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

/// The name of each scenario, and what it is.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|entry| (entry.name, entry.about))
}

/// All scenarios, one per line.
pub(crate) fn list() -> String {
    all().fold(String::new(), |text, (name, about)| {
        text + &format!("{name:<18} {about}\n")
    })
}

#[cfg(test)]
mod tests;
