//! The types that `lock` and its eBPF programs share: layout, no behaviour.
//!
//! Every shared type is `repr(C)` and has no hidden padding, which the compiler
//! proves: a byte that nobody wrote must not travel between kernel and user space,
//! and a map key with garbage in it would never be found again.
#![no_std]

/// Data that is the same bytes on both sides: `repr(C)`, no padding, and valid for
/// every bit pattern.
///
/// # Safety
///
/// Only for types with these three properties. `shared!` proves them.
pub unsafe trait Plain: Copy + 'static {}

/// Declares shared types and proves, for each, that its size is the sum of its fields.
macro_rules! shared {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)+
        }
    )+) => {$(
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        const _: () = {
            assert!(
                size_of::<$name>() == 0 $(+ size_of::<$type>())+,
                concat!(stringify!($name), " has hidden padding")
            );
            const fn plain<T: Plain>() {}
            $(plain::<$type>();)+
        };

        // SAFETY: repr(C); the assertion above rules padding out; every field is Plain.
        unsafe impl Plain for $name {}
    )+};
}

// SAFETY: integers have no padding, and every bit pattern is one of their values.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: an array has no padding between elements that have none.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// The flags of `contention_begin`: `LCB_F_*` in the kernel's
/// `include/trace/events/lock.h`.
pub mod flag {
    /// The waiter spins (`LCB_F_SPIN`).
    pub const SPIN: u32 = 1 << 0;
    /// It waits for the lock as a reader (`LCB_F_READ`).
    pub const READ: u32 = 1 << 1;
    /// It waits for the lock as a writer (`LCB_F_WRITE`).
    pub const WRITE: u32 = 1 << 2;
    /// An rt_mutex, or a lock that PREEMPT_RT builds on one (`LCB_F_RT`).
    pub const RT: u32 = 1 << 3;
    /// A per-CPU rwsem (`LCB_F_PERCPU`).
    pub const PERCPU: u32 = 1 << 4;
    /// A mutex (`LCB_F_MUTEX`): with [`SPIN`] while it spins for the owner, without
    /// while it sleeps.
    pub const MUTEX: u32 = 1 << 5;
}

/// The flags that tell lock types apart, as a key: a mutex is the same lock whether
/// its waiter spins or sleeps.
pub const fn lock_type(flags: u32) -> u32 {
    if flags & flag::MUTEX != 0 {
        flag::MUTEX
    } else {
        flags & (LOCK_TYPES - 1)
    }
}

/// Bound of [`lock_type`]: one more than all known flags together. A flag that a later
/// kernel adds is cut off.
pub const LOCK_TYPES: u32 = flag::MUTEX << 1;

/// Whether the waiter keeps its CPU from begin to end. A mutex does not: it may spin
/// first and sleep then.
pub const fn only_spins(flags: u32) -> bool {
    flags & (flag::SPIN | flag::MUTEX) == flag::SPIN
}

/// How many buckets of [`bucket`] there are.
pub const BUCKETS: u32 = 256;

/// The bucket of a duration in nanoseconds: four to each power of two.
pub const fn bucket(ns: u64) -> u32 {
    if ns < 4 {
        return ns as u32;
    }
    let log = ns.ilog2();
    log * 4 + ((ns >> (log - 2)) & 3) as u32
}

/// The shortest duration, in nanoseconds, that falls into a bucket (below [`BUCKETS`]).
/// Buckets 4 to 7 are empty.
pub const fn bucket_floor(bucket: u32) -> u64 {
    match bucket {
        0..4 => bucket as u64,
        4..8 => 4,
        _ => {
            let log = bucket / 4;
            (1 << log) + ((bucket as u64 % 4) << (log - 2))
        }
    }
}

/// Stands for a stack that could not be taken. Ids of the kernel are never negative.
pub const NO_STACK: i32 = -1;

/// How many spinning waits may be open at once on one CPU. Task, softirq, hardirq and
/// NMI can each wait while the one before is interrupted, and a queued rwlock waits for
/// its inner spinlock within its own wait: twice four.
pub const SPINS_PER_CPU: usize = 8;

shared! {
    /// Key of a sleeping wait. A thread can have several open at once: a percpu-rwsem's
    /// writer, for one, takes mutexes while it waits.
    pub struct WaitKey {
        /// Address of the lock.
        pub lock: u64,
        /// Thread (the kernel's pid, as seen from the initial pid namespace).
        pub tid: u32,
        /// Zero: keys are compared byte by byte.
        pub zero: u32,
    }

    /// An open wait.
    pub struct Wait {
        /// When it began (CLOCK_MONOTONIC, nanoseconds). Zero: it has ended.
        pub start_ns: u64,
        /// Flags of the latest begin.
        pub flags: u32,
        /// Where it waits: an id in the map of stacks, or [`NO_STACK`].
        pub stack: i32,
    }

    /// The spinning waits that are open on one CPU.
    pub struct Spins {
        /// The lock that each place waits for; zero is a free place. Apart from the
        /// rest, so that the search at a wait's end reads one cache line.
        pub locks: [u64; SPINS_PER_CPU],
        /// The thread of each place. A spinner keeps its CPU, so that another current
        /// thread means that the wait is over and its end was not seen.
        pub tids: [u32; SPINS_PER_CPU],
        /// The wait of each place.
        pub waits: [Wait; SPINS_PER_CPU],
    }

    /// Key of [`Totals`].
    pub struct TotalsKey {
        /// What [`lock_type`] makes of the flags.
        pub lock_type: u32,
        /// An id in the map of stacks.
        pub stack: i32,
    }

    /// What the waits of one kind come to.
    pub struct Totals {
        /// Waits that ended with the lock.
        pub acquired: u64,
        /// Their time together, in nanoseconds.
        pub total_ns: u64,
        /// The shortest of them, in nanoseconds. Meaningless while `acquired` is zero.
        pub min_ns: u64,
        /// The longest of them, in nanoseconds.
        pub max_ns: u64,
        /// Waits that ended without the lock: killed, interrupted, timed out, or given
        /// up to break a deadlock. They are in none of the fields above.
        pub not_acquired: u64,
        /// Their time together, in nanoseconds.
        pub not_acquired_ns: u64,
    }
}

impl Totals {
    /// The totals of nothing.
    pub const ZERO: Self = Self {
        acquired: 0,
        total_ns: 0,
        min_ns: 0,
        max_ns: 0,
        not_acquired: 0,
        not_acquired_ns: 0,
    };
}

/// What is done with the waits of a process, in the filter's map.
pub mod mode {
    /// Its waits are recorded, and those of its children.
    pub const RECORD: u32 = 1;
    /// Its waits are not recorded, those of its children are: for `lock` itself, so
    /// that a command is recorded from its first instruction.
    pub const FOLLOW_CHILDREN: u32 = 2;
}

/// Declares [`Counter`] and the list of all, so that neither can miss one.
macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident,)+) => {
        /// What is counted, an index into a per-CPU array.
        ///
        /// Each counter is added to by one program only. The kernel never enters a
        /// program again on the same CPU, so that a plain addition is exact.
        #[repr(u32)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Counter {
            $($(#[$meta])* $name,)+
        }

        impl Counter {
            /// All counters, in the order of their indexes.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

counters! {
    // contention_begin
    /// Begins of waits that the filter let through.
    Begins,
    /// Of these, repeats: a mutex's waiter says so each time that it turns from
    /// spinning to sleeping and back. One wait.
    Repeats,
    /// Lost: the map of sleeping waits was full.
    LostMapFull,
    /// Lost: the map of sleeping waits could not be changed (its bucket was locked by
    /// the very context that was interrupted, or the kernel had no memory).
    LostMapBusy,
    /// Lost: more than [`SPINS_PER_CPU`] spinning waits open on one CPU.
    LostNested,
    /// Lost: the wait's end was not seen.
    LostEnd,
    /// The stack's place in the map was taken by another stack with the same hash.
    StackCollision,
    /// The kernel could not walk the stack.
    StackUnreadable,
    /// No memory to keep the stack.
    StackNoMemory,
    /// The table of totals had no row left for another stack.
    TotalsFull,
    // contention_end
    /// Ends of waits whose begin was not seen: from before tracing, or missed.
    EndsWithoutBegin,
    // sched_process_fork
    /// Children of recorded processes that the filter had no room for.
    ChildrenNotFollowed,
}

/// How many counters there are.
pub const COUNTERS: usize = Counter::ALL.len();
