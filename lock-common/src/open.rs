//! Waits that are open, and who released a lock last.

use crate::{Outcome, ThreadRef, WaitKind};

/// How many spinning waits may be open at once on one CPU. Task, softirq, hardirq and
/// NMI can each wait while the one before is interrupted, and a queued rwlock waits for
/// its inner spinlock within its own wait: twice four.
pub const SPINS_PER_CPU: usize = 8;

/// How many threads whose numbers are equal in their lower bits have a slot.
pub const WAYS: usize = 4;

/// How many sleeping waits for kernel locks may be open at once in one thread: a
/// percpu-rwsem's writer, for one, takes mutexes while it waits.
pub const SLEEPS_PER_THREAD: usize = 3;

/// A thread that sleeps again on the same futex, with the same stack pointer, after less CPU time
/// than this, in nanoseconds, is still in the same call. In between it returns to its program and
/// back, and may spin for a while, Rust's mutex for 100 rounds. A thread that got the lock
/// releases it, too, before it waits for it again.
pub const SAME_CALL_NS: u64 = 50_000;

/// For [`Block::wake_ns`]: the thread was about to leave its CPU when it was woken.
pub const WOKEN_EARLY: u64 = 1;

shared! {
    /// A spinning wait, beside its lock.
    pub struct Spin {
        /// When it began (CLOCK_MONOTONIC, nanoseconds).
        pub start_ns: u64,
        /// The stack, by its hash. Zero without `--exact`: then it is taken at the end, of
        /// sampled waits.
        pub stack: u64,
        /// The thread. A spinner keeps its CPU, so that another current thread means that
        /// the wait is over and its end was not seen.
        pub tid: u32,
        /// The flags of its begin.
        pub flags: u32,
    }

    /// The spinning waits that are open on one CPU.
    pub struct Spins {
        /// The lock that each slot waits for; zero is a free slot. Together on a cache
        /// line: most of the time nothing else is looked at.
        pub locks: [u64; SPINS_PER_CPU],
        /// How many were opened, which belongs to
        /// [`KernelBegins`](crate::Counter::KernelBegins): on a cache line that a begin writes
        /// to anyway.
        pub begins: u64,
        /// The rest of each wait.
        pub spins: [Spin; SPINS_PER_CPU],
    }

    /// A sleeping wait for a kernel lock.
    pub struct Sleep {
        /// The lock; zero is a free slot.
        pub lock: u64,
        /// When it began (CLOCK_MONOTONIC, nanoseconds).
        pub start_ns: u64,
        /// When the waiter last turned from spinning to sleeping or back.
        pub phase_ns: u64,
        /// How long it has spun, in nanoseconds.
        pub spin_ns: u64,
        /// The holder of the lock when the wait began, if known.
        pub holder: ThreadRef,
        /// The stack, by its hash; zero without `--exact`.
        pub stack: u64,
        /// Flags of the latest begin.
        pub flags: u32,
        /// Zero.
        pub zero: u32,
    }

    /// A wait for a user lock.
    pub struct Block {
        /// When the thread left its CPU (CLOCK_MONOTONIC, nanoseconds). Zero: it does not wait.
        pub start_ns: u64,
        /// The futex.
        pub address: u64,
        /// What stands for the lock: the futex, or, of a thread in a queue, the queue's key.
        pub lock: u64,
        /// When the thread was woken; zero if it was not, [`WOKEN_EARLY`] if that was before it
        /// left its CPU.
        pub wake_ns: u64,
        /// The thread that woke it.
        pub waker: ThreadRef,
        /// The number of its sample; zero if it is not sampled.
        pub sample: u64,
        /// The [`mean_square`](crate::mean_square) of the thread's waits before: what is
        /// expected of this one.
        pub wait_square: u64,
        /// That of their parts as waits for a CPU, after having been woken.
        pub cpu_square: u64,
        /// By how much taking its sample has made the wait longer, in nanoseconds: the waker
        /// takes the stacks before the thread can run.
        pub sampling_ns: u64,
        /// When the first sleep of the same call began, as [`start_ns`](Self::start_ns). The
        /// time that sampling took is added.
        pub call_ns: u64,
        /// How long the call had taken at the end of its sleep before; zero if this is its first,
        /// or none of them was long enough to be counted.
        pub before_ns: u64,
        /// When the thread ran again with what it had waited for, or to see whether it is to
        /// be had. Zero if it has done something else since.
        pub resumed_ns: u64,
        /// Its CPU time then, in nanoseconds.
        pub resumed_ran_ns: u64,
        /// The user stack pointer in the call.
        pub sp: u64,
        /// The kind of the wait: that of the call's first sleep.
        pub kind: WaitKind,
        /// How it ended.
        pub outcome: Outcome,
        /// The process.
        pub tgid: u32,
        /// Whether a timeout was given.
        pub has_timeout: u32,
        /// The lock's owner in memory as the wait began, where glibc's mutexes keep it; zero if
        /// it was not looked at.
        pub owner: u32,
        /// Zero.
        pub zero: u32,
    }

    /// The open waits of one thread.
    pub struct ThreadWaits {
        /// How many of `sleeps` are open: to be told with a look at one cache line.
        pub sleeping: u64,
        /// In user space.
        pub block: Block,
        /// In the kernel.
        pub sleeps: [Sleep; SLEEPS_PER_THREAD],
    }

    /// The threads whose numbers are equal in their lower bits and have a slot.
    pub struct ThreadIds {
        /// The thread that has each slot; zero is a free one.
        pub tids: [u32; WAYS],
    }

    /// Their waits.
    pub struct ThreadSet {
        /// At the same slots.
        pub waits: [ThreadWaits; WAYS],
    }

    /// Who released a lock last.
    pub struct Release {
        /// The thread.
        pub holder: ThreadRef,
        /// When (CLOCK_MONOTONIC, nanoseconds).
        pub at_ns: u64,
    }
}
