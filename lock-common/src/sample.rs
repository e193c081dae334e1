//! Samples, as they travel through the ring buffer.

use crate::{Outcome, ThreadRef, USER_STACK, WaitKind};

/// Kinds of [`Event`].
pub mod event {
    /// A wait for a kernel lock ended.
    pub const KERNEL: u32 = 1;
    /// A wait for a user lock began.
    pub const BLOCK: u32 = 2;
    /// It ended.
    pub const RESUME: u32 = 3;
    /// Its lock was released.
    pub const WAKE: u32 = 4;
    /// A contended kernel lock was released.
    pub const RELEASE: u32 = 5;
    /// A [`RawStack`](crate::RawStack).
    pub const RAW_STACK: u32 = 6;
    /// A wait for a user lock ended unseen: the switch back to its thread was not shown, but
    /// that it ran, and for how long. Not part of the totals.
    pub const UNSEEN: u32 = 7;
}

/// What a kernel lock is to the waiting thread.
pub mod hint {
    /// Nothing known.
    pub const NONE: u32 = 0;
    /// The lock of its own address space.
    pub const MMAP_LOCK: u32 = 1;
}

/// A number that no other sample has: two CPUs can have the same time, one CPU cannot. It is not
/// zero, which stands for none.
#[inline]
pub const fn sample_number(now_ns: u64, cpu: u32) -> u64 {
    now_ns << 12 | cpu as u64 & 0xfff | 1 << 63
}

shared! {
    /// A sampled event. Of a wait that began in user space there are two: its begin, with the
    /// stack, and its end; and if it was woken by a release, a third one with the releaser's.
    /// The begin is sent as the wait begins, or when it is over and its length known.
    pub struct Event {
        /// One of [`event`].
        pub event: u32,
        /// The wait's chance to be sampled was 2^-shift.
        pub shift: u32,
        /// Number of the sample, for events that belong together; else zero.
        pub sample: u64,
        /// The lock's address.
        pub lock: u64,
        /// When the wait began (CLOCK_MONOTONIC, nanoseconds).
        pub start_ns: u64,
        /// How long it lasted, in nanoseconds.
        pub wait_ns: u64,
        /// At the end of a wait for a user lock: how long the call has taken, in nanoseconds,
        /// from the begin of its first sleep. More than `wait_ns` if this was another one.
        pub call_ns: u64,
        /// The thread that waits or releases.
        pub tid: u32,
        /// Its process.
        pub tgid: u32,
        /// Its cgroup: the number of its folder in the cgroup file system.
        pub cgroup: u64,
        /// The holder of the lock, if known.
        pub holder: ThreadRef,
        /// The kernel stack by its hash; zero if there is none.
        pub stack: u64,
        /// The kind of the wait.
        pub kind: WaitKind,
        /// How it ended.
        pub outcome: Outcome,
        /// At the begin of a wait for a user lock: the word eight bytes behind the futex, where
        /// glibc's mutexes keep their owner. Zero if it was not looked at.
        pub word: u32,
        /// Zero.
        pub zero: u32,
        /// Instruction pointer in user space; zero without a user stack.
        pub ip: u64,
        /// Stack pointer.
        pub sp: u64,
        /// Frame pointer register.
        pub bp: u64,
        /// The thread's name.
        pub comm: [u8; 16],
        /// How many bytes of the user stack follow.
        pub user_bytes: u32,
        /// One of [`hint`].
        pub hint: u32,
    }

    /// An event with its copy of the user stack, from the stack pointer upwards.
    pub struct EventWithStack {
        /// The event.
        pub event: Event,
        /// The copy.
        pub stack: [u8; USER_STACK],
    }
}

impl Event {
    /// An event of which nothing is known.
    pub const ZERO: Self = Self {
        event: 0,
        shift: 0,
        sample: 0,
        lock: 0,
        start_ns: 0,
        wait_ns: 0,
        call_ns: 0,
        tid: 0,
        tgid: 0,
        cgroup: 0,
        holder: ThreadRef::NONE,
        stack: 0,
        kind: WaitKind::kernel(0),
        outcome: Outcome::ACQUIRED,
        word: 0,
        zero: 0,
        ip: 0,
        sp: 0,
        bp: 0,
        comm: [0; 16],
        user_bytes: 0,
        hint: hint::NONE,
    };
}
