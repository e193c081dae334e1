//! The types that `lock` and its eBPF programs share: layout, no behaviour.
//!
//! Every shared type is `repr(C)` and has no hidden padding, which the compiler
//! proves: a byte that nobody wrote must not travel between kernel and user space,
//! and a map key with garbage in it would never be found again.
#![no_std]

mod expected;

pub use expected::{expected_log, mean_square};

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
// SAFETY: as above.
unsafe impl Plain for u8 {}
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

/// How many buckets a row of totals has: two powers of two. A row for each bucket would be
/// three times as many rows, a row for all a cache line for each half dozen.
pub const ROW_BUCKETS: usize = 8;

/// How many rows of totals have the same quick place.
pub const QUICK_WAYS: usize = 4;

/// How many quick places lie together. They have 10 kB; the kernel gives an element of a per-CPU
/// array 32 kB at most (`PCPU_MIN_UNIT_SIZE` in `include/linux/percpu.h`), and finds the way to
/// each by a pointer of its own, which shall stay in the CPU's cache.
pub const QUICK_SETS: usize = 32;

/// How many of these each CPU has: half for kernel locks, half for user locks. 320 kB: thousands
/// of rows, as many as a busy program has. A hash table takes three times as long.
pub const QUICK_PORTIONS: usize = 32;

/// The bucket of a duration in nanoseconds: four to each power of two.
pub const fn bucket(ns: u64) -> u32 {
    if ns < 4 {
        return ns as u32;
    }
    let log = ns.ilog2();
    log * 4 + ((ns >> (log - 2)) & 3) as u32
}

/// The logarithm, to base 2 and rounded down, of the durations in a bucket.
pub const fn bucket_log(bucket: u32) -> u64 {
    (bucket / 4) as u64
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

/// What is waited for, as 16 bits: for a kernel lock what [`lock_type`] makes of the flags,
/// for a user lock [`USER`](self::what::USER) and the futex operation.
pub mod what {
    /// A user lock.
    pub const USER: u32 = 1 << 15;
    /// For user locks: the futex command (`FUTEX_*` in `include/uapi/linux/futex.h`), or one
    /// of the two below.
    pub const COMMAND: u32 = 0x7f;
    /// The system call `futex_waitv`.
    pub const WAITV: u32 = 0x40;
    /// The system call `futex_wait` (futex2).
    pub const FUTEX2_WAIT: u32 = 0x41;
    /// The futex belongs to one process (`FUTEX_PRIVATE_FLAG`).
    pub const PRIVATE: u32 = 1 << 7;
    /// The timeout is on the real-time clock (`FUTEX_CLOCK_REALTIME`).
    pub const REALTIME: u32 = 1 << 8;
    /// Where the class of the value that is waited on begins: [`value_class`](super::value_class).
    pub const VALUE_SHIFT: u32 = 9;
    /// Its mask, shifted down.
    pub const VALUE: u32 = 7;
}

/// Classes of values that are waited on: 0 to 3 are themselves.
pub mod value {
    /// `u32::MAX`, with which Rust's parker marks a parked thread.
    pub const MAX: u32 = 4;
    /// Any other.
    pub const OTHER: u32 = 5;
}

/// The class of a value that is waited on.
pub const fn value_class(value: u32) -> u32 {
    match value {
        0..=3 => value,
        u32::MAX => value::MAX,
        _ => value::OTHER,
    }
}

/// How a wait ended.
pub mod outcome {
    /// With the lock.
    pub const ACQUIRED: u32 = 0;
    /// Its time was over.
    pub const TIMED_OUT: u32 = 1;
    /// A signal broke it off.
    pub const INTERRUPTED: u32 = 2;
    /// Without the lock, for a reason that is not known.
    pub const FAILED: u32 = 3;
}

/// How many spinning waits may be open at once on one CPU. Task, softirq, hardirq and
/// NMI can each wait while the one before is interrupted, and a queued rwlock waits for
/// its inner spinlock within its own wait: twice four.
pub const SPINS_PER_CPU: usize = 8;

/// How many threads whose numbers are equal in their lower bits have a place.
pub const WAYS: usize = 4;

/// How many sleeping waits for kernel locks may be open at once in one thread: a
/// percpu-rwsem's writer, for one, takes mutexes while it waits.
pub const SLEEPS_PER_THREAD: usize = 3;

/// How many frames of a kernel stack are kept at the most, tracing and locking included.
pub const KERNEL_FRAMES: usize = 48;

/// How many processes share an element of the table of modes: a cache line.
pub const PROCESSES: usize = 64;

/// How many processes there can be: `PID_MAX_LIMIT` of the kernel's `include/linux/threads.h`
/// on 64-bit machines.
pub const MAX_PROCESSES: usize = 1 << 22;

/// For [`Block::wake_ns`]: the thread was about to leave its CPU when it was woken.
pub const WOKEN_EARLY: u64 = 1;

/// How many innermost frames are in the program itself and in what calls it: they are not
/// part of a stack's hash, nor of what is looked at in its memory.
pub const TRACING_FRAMES: usize = 2;

/// How far it is, in words of a stack's memory, from one return address to the next outer one:
/// the size of a frame, which each call has.
pub mod step {
    /// Not known, or not always the same.
    pub const UNKNOWN: u32 = 0;
    /// This return address is the outermost.
    pub const OUTERMOST: u32 = 1 << 30;
    /// The next one is as far from the outer end of the stack as the other bits say: the
    /// kernel puts a random gap between a system call's entry and its first function
    /// (`add_random_kstack_offset` of its `include/linux/randomize_kstack.h`).
    pub const FROM_END: u32 = 1 << 31;
    /// Stands for the return address before the first: from the begin of the memory.
    pub const FIRST: u32 = 0;
}

/// How many words of a kernel stack are looked at at the most, to recognise it.
pub const STACK_WORDS: usize = 256;

/// How many bytes of a user stack are copied at the most, and in which portions.
pub const USER_STACK: usize = 16 << 10;
/// Size of a portion, in bytes.
pub const USER_STACK_PORTION: usize = 1 << 10;

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
        /// The lock that each place waits for; zero is a free place. Together on a cache
        /// line: most of the time nothing else is looked at.
        pub locks: [u64; SPINS_PER_CPU],
        /// How many were opened, which belongs to [`Counter::KernelBegins`]: on a cache line that
        /// a begin writes to anyway.
        pub begins: u64,
        /// The rest of each wait.
        pub spins: [Spin; SPINS_PER_CPU],
    }

    /// A sleeping wait for a kernel lock.
    pub struct Sleep {
        /// The lock; zero is a free place.
        pub lock: u64,
        /// When it began (CLOCK_MONOTONIC, nanoseconds).
        pub start_ns: u64,
        /// When the waiter last turned from spinning to sleeping or back.
        pub phase_ns: u64,
        /// How long it has spun, in nanoseconds.
        pub spin_ns: u64,
        /// Who had the lock when the wait began: process << 32 | thread. Zero if unknown.
        pub owner: u64,
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
        /// When the thread was woken; zero if it was not, [`WOKEN_EARLY`] if that was before it
        /// left its CPU.
        pub wake_ns: u64,
        /// Who woke it: process << 32 | thread.
        pub waker: u64,
        /// The number of its sample; zero if it is not sampled.
        pub sample: u64,
        /// The [`mean_square`] of the thread's waits before: what is expected of this one.
        pub wait_square: u64,
        /// That of their parts as waits for a CPU, after having been woken.
        pub cpu_square: u64,
        /// One of [`what`].
        pub what: u32,
        /// One of [`outcome`].
        pub outcome: u32,
        /// The process.
        pub tgid: u32,
        /// Whether a timeout was given.
        pub has_timeout: u32,
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

    /// The threads whose numbers are equal in their lower bits and have a place.
    pub struct ThreadIds {
        /// The thread that has each place; zero is a free one.
        pub tids: [u32; WAYS],
    }

    /// Their waits.
    pub struct ThreadSet {
        /// At the same places.
        pub waits: [ThreadWaits; WAYS],
    }

    /// Key of [`Totals`].
    pub struct TotalsKey {
        /// The lock's address. Zero: one of those beyond the bound of the table.
        pub lock: u64,
        /// The process, for a user lock; else zero.
        pub tgid: u32,
        /// One of [`what`] | [`outcome`] << 16 | ([`bucket`] / [`ROW_BUCKETS`]) << 24.
        pub kind: u32,
    }

    /// What waits come to that have everything in [`TotalsKey`] in common, on one CPU: a
    /// cache line.
    pub struct Totals {
        /// How many, by the bucket within the row. They begin again at zero after 2^32.
        pub counts: [u32; ROW_BUCKETS],
        /// Their time together, in nanoseconds.
        pub total_ns: u64,
        /// Of this, spinning for a kernel mutex, or waiting for a CPU after having been
        /// woken, in nanoseconds.
        pub part_ns: u64,
        /// The shortest, in nanoseconds, at least 1; zero if there is none.
        pub min_ns: u64,
        /// The longest, in nanoseconds.
        pub max_ns: u64,
    }

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
        /// The thread that waits or releases.
        pub tid: u32,
        /// Its process.
        pub tgid: u32,
        /// Its cgroup: the number of its folder in the cgroup file system.
        pub cgroup: u64,
        /// Who had the lock: process << 32 | thread. Zero if unknown.
        pub holder: u64,
        /// The kernel stack by its hash; zero if there is none.
        pub stack: u64,
        /// One of [`what`].
        pub what: u32,
        /// One of [`outcome`].
        pub outcome: u32,
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

    /// A kernel stack.
    pub struct KernelStack {
        /// Return addresses, innermost first; zeros behind the last.
        pub frames: [u64; KERNEL_FRAMES],
    }

    /// An event, too: a kernel stack as it is in memory, which was not recognised.
    pub struct RawStack {
        /// [`event::RAW_STACK`].
        pub event: u32,
        /// Zero.
        pub zero: u32,
        /// The hash of what walking it gave.
        pub hash: u64,
        /// What walking it gave.
        pub stack: KernelStack,
        /// Where it begins: its innermost end.
        pub begin: u64,
        /// Where it ends.
        pub end: u64,
        /// A copy of what is between.
        pub words: [u64; STACK_WORDS],
    }

    /// Who released a lock last.
    pub struct Release {
        /// Process << 32 | thread.
        pub holder: u64,
        /// When (CLOCK_MONOTONIC, nanoseconds).
        pub at_ns: u64,
    }

    /// Rows of totals with the same quick place. A free one has a key of zeros.
    pub struct QuickSet {
        /// What they are of: a cache line.
        pub keys: [TotalsKey; QUICK_WAYS],
        /// What they come to.
        pub totals: [Totals; QUICK_WAYS],
    }

    /// Quick places that lie together.
    pub struct QuickSets {
        /// By the lower bits of their numbers.
        pub sets: [QuickSet; QUICK_SETS],
    }

    /// How likely a CPU samples waits, and how many it did. See `sampler.rs` of `lock-ebpf`.
    pub struct Sampler {
        /// When the window began (CLOCK_MONOTONIC, nanoseconds).
        pub window_ns: u64,
        /// Where the row of random numbers stands; zero before it began.
        pub random: u64,
        /// Of those that are sampled for their length: from 2^level nanoseconds on all are.
        pub by_length: Level,
        /// Of those that are sampled like any other, whatever their length: one in 2^level is.
        pub any: Level,
    }

    /// What follows the load, so that enough samples are taken and not too many.
    pub struct Level {
        /// The higher, the fewer.
        pub level: u64,
        /// Samples in this window.
        pub taken: u64,
    }

    /// What is done with the waits of some processes: one of [`mode`] each, zero for none of
    /// them. A byte each, so that a change of one is none of its neighbours.
    pub struct Modes {
        /// The lower bits of a process's number are the index.
        pub modes: [u8; PROCESSES],
    }

    /// A key of the filter.
    pub struct FilterKey {
        /// What is filtered by: one bit of [`filter`].
        pub by: u64,
        /// The value that is let through; names are as many bytes as fit, then zeros.
        pub value: [u64; 2],
    }
}

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
    /// A [`RawStack`](super::RawStack).
    pub const RAW_STACK: u32 = 6;
    /// A wait for a user lock ended unseen: the switch back to its thread was not shown, but
    /// that it ran, and for how long. Not part of the totals.
    pub const UNSEEN: u32 = 7;
}

/// Which waits for kernel locks have their user stacks taken.
pub mod user_stacks {
    /// None.
    pub const NONE: u32 = 0;
    /// Those in which the thread may sleep. To copy the stack takes longer than most others.
    pub const SLEEPING: u32 = 1;
    /// All.
    pub const ALL: u32 = 2;
}

/// What a kernel lock is to the waiting thread.
pub mod hint {
    /// Nothing known.
    pub const NONE: u32 = 0;
    /// The lock of its own address space.
    pub const MMAP_LOCK: u32 = 1;
}

/// What waits are filtered by, as bits.
pub mod filter {
    /// The process, by a table of its own that follows children.
    pub const PROCESS: u32 = 1 << 0;
    /// The thread.
    pub const TID: u32 = 1 << 1;
    /// The thread's name.
    pub const COMM: u32 = 1 << 2;
    /// The cgroup.
    pub const CGROUP: u32 = 1 << 3;
    /// The CPU.
    pub const CPU: u32 = 1 << 4;
    /// The lock's type: what [`super::lock_type`] makes of the flags, or [`super::what::USER`].
    pub const TYPE: u32 = 1 << 5;
    /// The lock's address.
    pub const ADDRESS: u32 = 1 << 6;
}

/// What is done with the waits of a process, in the filter's table.
pub mod mode {
    /// Its waits are recorded, and those of its children.
    pub const RECORD: u8 = 1;
    /// Its waits are not recorded, those of its children are: for `lock` itself, so
    /// that a command is recorded from its first instruction.
    pub const FOLLOW_CHILDREN: u8 = 2;
    /// They are not recorded.
    pub const NONE: u8 = 0;
}

/// The hash of a stack begins with this, ...
pub const HASH_SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// ... takes in one return address after the other, ...
pub const fn hash_frame(hash: u64, frame: u64) -> u64 {
    let hash = (hash ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

/// ... and is not zero, which stands for no stack.
pub const fn finish_hash(hash: u64) -> u64 {
    hash | 1
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
        tid: 0,
        tgid: 0,
        cgroup: 0,
        holder: 0,
        stack: 0,
        what: 0,
        outcome: outcome::ACQUIRED,
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

impl Totals {
    /// The totals of nothing.
    pub const ZERO: Self = Self {
        counts: [0; ROW_BUCKETS],
        total_ns: 0,
        part_ns: 0,
        min_ns: 0,
        max_ns: 0,
    };
}

impl QuickSets {
    /// The rows that are taken.
    pub fn rows(&self) -> impl Iterator<Item = (&TotalsKey, &Totals)> {
        self.sets
            .iter()
            .flat_map(|set| set.keys.iter().zip(&set.totals))
            .filter(|(key, _)| key.lock != 0)
    }
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
    /// Begins of waits for kernel locks that the filter let through.
    KernelBegins,
    /// Of these, repeats: a mutex's waiter says so each time that it turns from
    /// spinning to sleeping and back. One wait.
    KernelRepeats,
    /// Lost: no place for the thread in the table of threads.
    KernelLostTableFull,
    /// Lost: more waits open at once, on one CPU or in one thread, than there is room for.
    KernelLostNested,
    /// Lost: the wait's end was not seen.
    KernelLostEnd,
    /// Waits that began while the thread had another one open.
    KernelNested,
    // contention_end
    /// Waits that ended and were too short for the filter.
    KernelFiltered,
    /// Lost: no row in the totals, not even for other locks.
    KernelLostTotals,
    /// Ends of waits whose begin was not seen: from before tracing, or missed.
    KernelEndsWithoutBegin,
    /// Samples taken.
    KernelSamples,
    /// Samples lost: the buffer was full.
    KernelSamplesLost,
    /// Samples without a stack, as there was no room for another one (at the begin).
    BeginStacksFull,
    /// Samples without a stack, as it could not be walked (at the begin).
    BeginStacksUnreadable,
    /// As above, at the end.
    EndStacksFull,
    /// As above, at the end.
    EndStacksUnreadable,
    // sched_switch
    /// Begins of waits for user locks that the filter let through.
    UserBegins,
    /// Lost: no place for the thread in the table of threads.
    UserLostTableFull,
    /// Lost: the wait's end was not seen, and that could not be sent.
    UserLostEnd,
    /// Waits that ended and were too short for the filter.
    UserFiltered,
    /// Lost: no row in the totals, not even for other locks.
    UserLostTotals,
    /// Samples taken at the begin.
    UserSamples,
    /// Samples lost: the buffer was full, at the begin.
    UserSamplesLost,
    /// Samples whose end was lost: the buffer was full.
    UserSampleEndsLost,
    // sched_waking
    /// Samples taken when the thread was woken.
    WokenSamples,
    /// Samples lost: the buffer was full, when the thread was woken.
    WokenSamplesLost,
    // sched_process_free
    /// Lost: waits for kernel locks of threads that are gone, their end not seen.
    LostKernelThreadGone,
    /// Lost: waits for user locks of threads that are gone, their end not seen.
    LostUserThreadGone,
}

/// How many counters there are.
pub const COUNTERS: usize = Counter::ALL.len();

const _: () = {
    let mut bucket = 8;
    while bucket < BUCKETS {
        assert!(self::bucket(bucket_floor(bucket)) == bucket);
        assert!(bucket_log(bucket) == bucket_floor(bucket).ilog2() as u64);
        bucket += 1;
    }
    assert!(BUCKETS - 1 == self::bucket(u64::MAX));
};
