//! The table of scenarios.

use std::{io, time::Duration};

use crate::{
    chain::{self, Chain},
    crew::stay_on_this_cpu,
    error::{Error, Result},
    hammer,
    interrupted::Interrupted,
    join::Join,
    mmap::MemoryMap,
    posix::{
        PosixSemaphore, PthreadBarrier, PthreadCondvar, PthreadMutex, PthreadRwLock, TimedLock,
    },
    raw_futex::{Operation, RawFutex},
    rounds::{self, Contended, Run},
    rust_locks::{Mutual, RustCondvar, RustRwLock},
    shared_memory::SharedMemory,
    shared_position::SharedPosition,
    truth::{Pair, Truth},
};

/// A kind of contention, one of [`Scenario::all`].
#[derive(Debug, Clone, Copy)]
pub struct Scenario(&'static Entry);

/// How much contention to generate.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Plan {
    /// For how long; the round that is under way then is finished.
    pub duration: Duration,
    /// How many threads wait in each round.
    pub waiters: u32,
    /// How long the lock is held in each round; the scenario's default if `None`.
    pub hold: Option<Duration>,
}

impl Plan {
    /// Contention for this time, of three waiters.
    pub const fn new(duration: Duration) -> Self {
        Self {
            duration,
            waiters: 3,
            hold: None,
        }
    }
}

/// How a scenario is generated.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    description: &'static str,
    /// Whether the number of its waits is known.
    exact: bool,
    /// How long the lock is held by default.
    hold: Duration,
    run: fn(&Run) -> Result<Truth>,
}

const USUAL: Duration = Duration::from_millis(10);

const fn entry(
    name: &'static str,
    description: &'static str,
    run: fn(&Run) -> Result<Truth>,
) -> Entry {
    Entry {
        name,
        description,
        exact: true,
        hold: USUAL,
        run,
    }
}

static TABLE: &[Entry] = &[
    entry(
        "file-position",
        "Kernel mutex: the position of a file that threads share",
        |run| on_one_cpu(run, SharedPosition::new),
    ),
    entry("mmap", "Kernel rwsem: the memory map of a process", |run| {
        on_one_cpu(run, || MemoryMap::new(run.waiters))
    }),
    Entry {
        exact: false,
        ..entry(
            "spinlock",
            "Kernel spinlock: an eventfd that all threads write to",
            hammer::spinlock,
        )
    },
    entry("pthread-mutex", "pthread_mutex_lock", |run| {
        in_rounds(run, PthreadMutex::new())
    }),
    entry(
        "pthread-timedlock",
        "pthread_mutex_timedlock, which times out for every second waiter",
        |run| in_rounds(run, TimedLock::new(run.hold)),
    ),
    entry(
        "pthread-rwlock",
        "pthread_rwlock_rdlock and _wrlock",
        |run| in_rounds(run, PthreadRwLock::new()),
    ),
    entry("pthread-condvar", "pthread_cond_wait", |run| {
        in_rounds(run, PthreadCondvar::new())
    }),
    entry(
        "pi-mutex",
        "pthread_mutex_lock with priority inheritance",
        |run| in_rounds(run, PthreadMutex::with_priority_inheritance()),
    ),
    entry("semaphore", "sem_wait", |run| {
        in_rounds(run, PosixSemaphore::new())
    }),
    entry("barrier", "pthread_barrier_wait", |run| {
        in_rounds(run, PthreadBarrier::new(run.waiters))
    }),
    entry("join", "pthread_join", |run| {
        in_rounds(run, Ok(Join::default()))
    }),
    entry("rust-mutex", "Rust's std::sync::Mutex", |run| {
        in_rounds(run, Ok(Mutual(std::sync::Mutex::default())))
    }),
    entry("rust-rwlock", "Rust's std::sync::RwLock", |run| {
        in_rounds(run, Ok(RustRwLock::default()))
    }),
    entry("rust-condvar", "Rust's std::sync::Condvar", |run| {
        in_rounds(run, Ok(RustCondvar::default()))
    }),
    entry("parking-lot", "parking_lot::Mutex", |run| {
        in_rounds(run, Ok(Mutual(parking_lot::Mutex::default())))
    }),
    Entry {
        hold: Duration::from_micros(2),
        ..entry(
            "short-waits",
            "Very many short waits for one pthread mutex",
            hammer::mutex,
        )
    },
    Entry {
        hold: Duration::from_millis(250),
        ..entry(
            "long-waits",
            "Few long waits for one pthread mutex",
            |run| in_rounds(run, PthreadMutex::new()),
        )
    },
    entry(
        "chain",
        "chain-a waits for chain-b, which waits for chain-c",
        |run| {
            let run = Run {
                waiters: chain::WAITERS,
                ..*run
            };
            Ok(Truth {
                pairs: chain::pairs(),
                ..in_rounds(&run, Chain::new())?
            })
        },
    ),
    entry(
        "holder",
        "The thread `holder` holds a mutex; waiter-0, waiter-1, ... wait for it",
        |run| {
            let truth = in_rounds(run, PthreadMutex::new())?;
            Ok(Truth {
                pairs: all_wait_for_the_first(&truth.threads),
                ..truth
            })
        },
    ),
    entry(
        "shared-memory",
        "A pthread mutex that two processes share",
        |run| in_rounds(run, SharedMemory::new()),
    ),
    entry(
        "interrupted",
        "sem_wait, interrupted by signals for every second waiter",
        |run| in_rounds(run, Interrupted::new()),
    ),
    entry("futex-requeue-pi", "FUTEX_WAIT_REQUEUE_PI", |run| {
        in_rounds(run, RawFutex::new(Operation::RequeuePi))
    }),
    entry("futex-waitv", "futex_waitv", |run| {
        in_rounds(run, RawFutex::new(Operation::Waitv))
    }),
    entry("futex2-wait", "futex_wait (futex2)", |run| {
        in_rounds(run, RawFutex::new(Operation::Wait2))
    }),
];

fn in_rounds<C: Contended>(run: &Run, contended: io::Result<C>) -> Result<Truth> {
    rounds::run(run, contended.map_err(Error::of("create the lock"))?)
}

fn on_one_cpu<C: Contended>(run: &Run, contended: impl FnOnce() -> io::Result<C>) -> Result<Truth> {
    stay_on_this_cpu().map_err(Error::of("keep its threads on one CPU"))?;
    in_rounds(run, contended())
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
    /// All scenarios.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The scenario with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|scenario| scenario.name() == name)
    }

    /// The name, as on a command line: `file-position`.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// What the contention is about, in one line.
    pub const fn description(self) -> &'static str {
        self.0.description
    }

    /// Whether the number of waits is known, apart from those that are counted as unsure.
    pub const fn is_exact(self) -> bool {
        self.0.exact
    }

    /// Generates the contention.
    ///
    /// Some scenarios keep the calling thread, and those that it starts, on one CPU from then
    /// on.
    ///
    /// # Errors
    ///
    /// That of a system call.
    pub fn run(self, plan: &Plan) -> Result<Truth> {
        let Plan {
            duration,
            waiters,
            hold,
        } = *plan;
        (self.0.run)(&Run {
            duration,
            waiters,
            hold: hold.unwrap_or(self.0.hold),
        })
    }
}

#[cfg(test)]
mod tests;
