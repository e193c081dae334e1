//! What was recorded in an interval: plain data with everything that a report needs, names
//! included. A recording is a sequence of these, and what they come to together is one, too
//! ([`Snapshot::merge`]).
//!
//! Two kinds of figures are told apart everywhere. [`Waits`] were counted by the kernel's
//! side, every wait: they are exact. [`Estimate`]s come from the waits that were sampled,
//! whose stack was taken: their sums are unbiased and know their variance. Recorded with
//! `--exact`, every wait is sampled and the variance is zero.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::profile::{histogram::Histogram, lock_type::LockType, word::Word};

/// An index into a table of the snapshot that it stands in.
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident,)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            /// As an index.
            pub(crate) const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )+};
}

ids! {
    /// Into [`Snapshot::frames`].
    FrameId,
    /// Into [`Snapshot::stacks`].
    StackId,
    /// Into [`Snapshot::processes`].
    ProcessId,
    /// Into [`Snapshot::threads`].
    ThreadId,
    /// Into [`Snapshot::locks`].
    LockId,
}

/// One interval, or several together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Snapshot {
    /// When it began (CLOCK_REALTIME, milliseconds since 1970).
    pub(crate) started_unix_ms: u64,
    /// When it began (CLOCK_MONOTONIC, nanoseconds), on the clock of all `start_ns` here.
    pub(crate) started_ns: u64,
    /// How long it lasted, in nanoseconds.
    pub(crate) duration_ns: u64,
    /// What was recorded, where and how: the same in all intervals of a recording.
    pub(crate) about: About,
    /// The programs that recorded, and what they cost.
    pub(crate) hooks: Vec<Hook>,
    /// CPU time that `lock` itself took, user and system, in nanoseconds.
    pub(crate) own_cpu_ns: u64,
    /// Where the events went.
    pub(crate) account: Account,
    /// Sentences about this recording that every report shows: what could not be named or
    /// seen, and what mends it.
    pub(crate) notes: Vec<String>,
    /// Places in code.
    pub(crate) frames: Vec<Frame>,
    /// Stacks.
    pub(crate) stacks: Vec<Stack>,
    /// Processes.
    pub(crate) processes: Vec<Process>,
    /// Threads.
    pub(crate) threads: Vec<Thread>,
    /// Locks, with exact figures of their waits.
    pub(crate) locks: Vec<Lock>,
    /// Sampled waits that ended with the lock, by lock, stack, thread and holder.
    pub(crate) sites: Vec<Site>,
    /// Sampled waits for a thread that waited itself, by the whole chain.
    pub(crate) chains: Vec<Chain>,
    /// The longest sampled waits, in the order of their begin.
    pub(crate) longest: Vec<Interval>,
    /// Waits that had not ended at the end.
    pub(crate) open: Vec<Open>,
}

/// What was recorded, where and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct About {
    /// Version of the `lock` that recorded.
    pub(crate) lock_version: String,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// How many CPUs the machine has.
    pub(crate) cpus: u32,
    /// Whose waits were recorded.
    pub(crate) scope: Scope,
    /// Further filters, in words: `type mutex`, `at least 1 ms`.
    pub(crate) filters: Vec<String>,
    /// Whether `lock`'s own waits are among them.
    pub(crate) own_included: bool,
    /// Whether every wait's stack was taken (`--exact`).
    pub(crate) exact: bool,
    /// What this kernel's hooks cannot see, one sentence each.
    pub(crate) blind_spots: Vec<String>,
}

/// Whose waits are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Scope {
    /// Everybody's, except those of `lock` itself where it can tell them.
    #[default]
    System,
    /// Those of a process and its new children.
    Process {
        /// Its number.
        pid: u32,
    },
    /// Those of a command and its children.
    Command {
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// A program in the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hook {
    /// How it is attached: `tp_btf`.
    pub(crate) kind: String,
    /// What it is attached to.
    pub(crate) name: String,
    /// How many of its events, of any process, the kernel kept from it because it was
    /// running on that CPU already (`recursion_misses`).
    pub(crate) missed: u64,
    /// How often it ran while it was timed.
    pub(crate) timed_runs: u64,
    /// How long these runs took, in nanoseconds.
    pub(crate) timed_ns: u64,
    /// The time, in nanoseconds, that it took in all: what was timed, scaled to the whole
    /// interval.
    pub(crate) cost_ns: u64,
}

/// Where the events went. Each begin of a wait is in exactly one place:
/// begins = repeats + ended + filtered + lost + still open. An interval alone need not add
/// up, only all from the start of a recording on: see [`merge`](super::merge).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    /// Waits for kernel locks.
    pub(crate) kernel: Events,
    /// Waits for user locks.
    pub(crate) user: Events,
    /// What became of the samples. A wait whose sample was lost is still in [`Waits`].
    pub(crate) samples: Samples,
}

/// Begins of waits, and where each is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Events {
    /// Begins that the filter let through.
    pub(crate) begins: u64,
    /// Of these, repeats: a mutex's waiter says so when it turns from spinning to sleeping
    /// and back. One wait.
    pub(crate) repeats: u64,
    /// Of these, waits that ended and were counted, with the lock or without it.
    pub(crate) ended: u64,
    /// Of these that ended, those whose end was not shown: it is told by how long the thread
    /// had run when it next left its CPU.
    pub(crate) unseen_ends: u64,
    /// Of these, waits that ended and were left out by a filter (`--min-wait`, ...).
    pub(crate) filtered: u64,
    /// Of these, lost, by cause.
    pub(crate) lost: Lost,
    /// Of these, not ended at the end.
    pub(crate) open: u64,
    /// Ends whose begin was not seen: from before recording, or missed.
    pub(crate) ends_without_begin: u64,
    /// Waits that began while the same thread already waited for something else.
    pub(crate) nested: u64,
    /// Waits in the row for "other": the table of locks had no row left.
    pub(crate) other: u64,
}

/// Lost waits, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lost {
    /// The table of open waits had no place left.
    pub(crate) table_full: u64,
    /// More nested waits than there is room for.
    pub(crate) nested: u64,
    /// The end was not seen.
    pub(crate) end_not_seen: u64,
}

/// Samples, and where each is: taken = used + lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Samples {
    /// Waits chosen to be sampled.
    pub(crate) taken: u64,
    /// Of these, in the report.
    pub(crate) used: u64,
    /// Of these, lost: no room in the buffer between kernel and `lock`.
    pub(crate) buffer_full: u64,
    /// Of these, lost: beyond the bound of distinct stacks; in the report without a stack.
    pub(crate) stacks_full: u64,
    /// Of these, the kernel could not walk the stack; in the report without it.
    pub(crate) stack_unreadable: u64,
    /// User stacks taken.
    pub(crate) user_stacks: u64,
    /// Of these, cut short: not unwound to the thread's first function.
    pub(crate) user_stacks_cut: u64,
}

/// Waits of which every one was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Waits {
    /// Waits that ended with the lock.
    pub(crate) count: u64,
    /// Their time together, in nanoseconds.
    pub(crate) total_ns: u64,
    /// The shortest, in nanoseconds; zero if there is none.
    pub(crate) min_ns: u64,
    /// The longest, in nanoseconds.
    pub(crate) max_ns: u64,
    /// Of the total: a kernel mutex's waiters spinning rather than sleeping, in nanoseconds.
    pub(crate) spin_ns: u64,
    /// Of the total: user lock's waiters that had been woken, and waited for a CPU, in
    /// nanoseconds.
    pub(crate) runqueue_ns: u64,
    /// How long they took, one by one.
    pub(crate) histogram: Histogram,
    /// Waits that timed out; in none of the fields above.
    pub(crate) timed_out: u64,
    /// Waits broken off by a signal; in none of the fields above.
    pub(crate) interrupted: u64,
    /// Waits that ended without the lock for a reason not known; in none of the above.
    pub(crate) not_acquired: u64,
    /// The time of these three together, in nanoseconds.
    pub(crate) not_acquired_ns: u64,
    /// Waits that were pieces of others ([`Word::is_piece`]): their time is in `total_ns`,
    /// and how long the whole waits took one by one is not known. Only in the figures of
    /// rows ([`Lock::ranked`]): recordings have what the kernel counted.
    pub(crate) pieces: u64,
}

impl Waits {
    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            count,
            total_ns,
            min_ns,
            max_ns,
            spin_ns,
            runqueue_ns,
            ref histogram,
            timed_out,
            interrupted,
            not_acquired,
            not_acquired_ns,
            pieces,
        } = *other;
        if count > 0 {
            self.min_ns = if self.count == 0 {
                min_ns
            } else {
                self.min_ns.min(min_ns)
            };
            self.max_ns = self.max_ns.max(max_ns);
        }
        // Saturating: a forged recording can hold any numbers.
        for (sum, term) in [
            (&mut self.count, count),
            (&mut self.total_ns, total_ns),
            (&mut self.spin_ns, spin_ns),
            (&mut self.runqueue_ns, runqueue_ns),
            (&mut self.timed_out, timed_out),
            (&mut self.interrupted, interrupted),
            (&mut self.not_acquired, not_acquired),
            (&mut self.not_acquired_ns, not_acquired_ns),
            (&mut self.pieces, pieces),
        ] {
            *sum = sum.saturating_add(term);
        }
        self.histogram.add(histogram);
    }

    /// How many ended without the lock.
    pub(crate) fn failed(&self) -> u64 {
        self.timed_out
            .saturating_add(self.interrupted)
            .saturating_add(self.not_acquired)
    }
}

/// What waits come to, estimated from those that were sampled: each counts for as many as
/// its chance was small (Horvitz and Thompson), so that sums are unbiased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Estimate {
    /// Sampled waits.
    pub(crate) samples: u64,
    /// How many waits these stand for.
    pub(crate) count: u64,
    /// The time of all these together, in nanoseconds.
    pub(crate) wait_ns: u64,
    /// The longest of the sampled, in nanoseconds.
    pub(crate) max_ns: u64,
    /// Estimated variance of `count`.
    pub(crate) count_variance: f64,
    /// Estimated variance of `wait_ns`, in square nanoseconds.
    pub(crate) wait_variance: f64,
}

impl Estimate {
    /// One sampled wait whose chance to be sampled was 2^-shift.
    pub(crate) fn of(wait_ns: u64, shift: u32) -> Self {
        let weight = 1_u64.checked_shl(shift).unwrap_or(u64::MAX);
        let (w, n) = (wait_ns as f64, weight as f64);
        // Var of x/p is estimated by (1-p)/p^2 x^2 for each sampled x.
        let spread = n * (n - 1.0);
        Self {
            samples: 1,
            count: weight,
            wait_ns: wait_ns.saturating_mul(weight),
            max_ns: wait_ns,
            count_variance: spread,
            wait_variance: spread * w * w,
        }
    }

    /// The same of a piece of a wait: it takes time, but is no wait by itself.
    pub(crate) fn piece(wait_ns: u64, shift: u32) -> Self {
        Self {
            count: 0,
            count_variance: 0.0,
            ..Self::of(wait_ns, shift)
        }
    }

    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            samples,
            count,
            wait_ns,
            max_ns,
            count_variance,
            wait_variance,
        } = *other;
        self.samples = self.samples.saturating_add(samples);
        self.count = self.count.saturating_add(count);
        self.wait_ns = self.wait_ns.saturating_add(wait_ns);
        self.max_ns = self.max_ns.max(max_ns);
        self.count_variance += count_variance;
        self.wait_variance += wait_variance;
    }

    /// Half the width of the 95 % confidence interval of `wait_ns`, in nanoseconds.
    pub(crate) fn wait_error_ns(&self) -> u64 {
        (1.96 * self.wait_variance.max(0.0).sqrt()) as u64
    }

    /// The same of `count`.
    pub(crate) fn count_error(&self) -> u64 {
        (1.96 * self.count_variance.max(0.0).sqrt()) as u64
    }
}

/// A place in code. Inlined functions have a frame each.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Frame {
    /// Return address; for the kernel and JIT code absolute, else within the module's file.
    pub(crate) address: u64,
    /// The function, demangled. None if it is not known.
    pub(crate) function: Option<String>,
    /// `[kernel]`, a kernel module's name in brackets, or the file's name; empty if unknown.
    pub(crate) module: String,
    /// Source file.
    pub(crate) file: Option<String>,
    /// Source line.
    pub(crate) line: Option<u32>,
    /// Whether the next outer frame's function has it inlined.
    pub(crate) inlined: bool,
}

/// A stack, innermost frame first.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Stack {
    /// In the kernel. Tracing and locking code is left out: the first is the caller, the
    /// function that waits. Empty for waits for user locks.
    pub(crate) kernel: Vec<FrameId>,
    /// In the program. The locking code of libraries is there.
    pub(crate) user: Vec<FrameId>,
    /// In `user`, how many innermost frames are locking code of libraries: the next one is
    /// the caller.
    pub(crate) user_locking: u32,
    /// Whether the user stack goes on beyond its last frame.
    pub(crate) cut: bool,
    /// Whether the kernel's stack was wanted and could not be had.
    pub(crate) lost: bool,
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// Its name, as `ps` shows it.
    pub(crate) comm: String,
    /// Its cgroup's path, `/system.slice/...`; empty if not known.
    pub(crate) cgroup: String,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Thread {
    /// Its number.
    pub(crate) tid: u32,
    /// Its own name.
    pub(crate) comm: String,
    /// Its process.
    pub(crate) process: ProcessId,
}

/// Which lock it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Identity {
    /// A lock in the kernel's memory.
    Kernel {
        /// Where.
        address: u64,
    },
    /// A futex in a process's memory.
    Private {
        /// Whose.
        process: ProcessId,
        /// Where.
        address: u64,
    },
    /// A futex in memory that processes share.
    Shared {
        /// What memory, and where in it: `/dev/shm/PostgreSQL.123+0x40`.
        object: String,
    },
    /// All that the table of locks had no row for.
    Other,
}

/// A lock, waited for in one way: a rwsem's readers and writers are two of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// Which.
    pub(crate) identity: Identity,
    /// What it is. Of a user lock this can change while recording, when stacks tell more.
    pub(crate) lock_type: LockType,
    /// The futex operation and value in words, as `FUTEX_WAIT_BITSET, 2`. Empty for kernel
    /// locks.
    pub(crate) operation: String,
    /// Its name, if it has one: `mmap_lock`, `runqueue`, a global's symbol.
    pub(crate) name: Option<String>,
    /// What the word is that is waited on.
    #[serde(default)]
    pub(crate) word: Word,
    /// Its waits, as the kernel counted them.
    pub(crate) waits: Waits,
}

impl Lock {
    /// What its waits come to in a ranking: those that were pieces of others add their time
    /// alone.
    pub(crate) fn ranked(&self) -> Cow<'_, Waits> {
        let piece = |acquired| self.word.is_piece(acquired);
        if !piece(false) {
            return Cow::Borrowed(&self.waits);
        }
        let raw = &self.waits;
        let whole = if piece(true) {
            Waits {
                pieces: raw.count,
                total_ns: raw.total_ns,
                runqueue_ns: raw.runqueue_ns,
                ..Waits::default()
            }
        } else {
            raw.clone()
        };
        Cow::Owned(Waits {
            total_ns: whole.total_ns.saturating_add(raw.not_acquired_ns),
            pieces: whole.pieces.saturating_add(raw.failed()),
            timed_out: 0,
            interrupted: 0,
            not_acquired: 0,
            not_acquired_ns: 0,
            ..whole
        })
    }
}

/// Sampled waits with everything in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Site {
    /// What was waited for.
    pub(crate) lock: LockId,
    /// Where.
    pub(crate) stack: StackId,
    /// Who waited.
    pub(crate) thread: ThreadId,
    /// Who had it, if that is known.
    pub(crate) holder: Option<Holder>,
    /// What they come to.
    pub(crate) waits: Estimate,
}

/// Who had a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The thread.
    pub(crate) thread: ThreadId,
    /// Where it released the lock, if that was seen.
    pub(crate) stack: Option<StackId>,
}

/// A chain of waits: the first thread waits for a lock that the second one has, which waits
/// itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chain {
    /// Who waits for what, each held by the next one. At least two.
    pub(crate) links: Vec<ChainLink>,
    /// Who has the last lock, if that is known.
    pub(crate) end: Option<ThreadId>,
    /// The waits of the first.
    pub(crate) waits: Estimate,
}

/// A member of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ChainLink {
    /// Who waits.
    pub(crate) thread: ThreadId,
    /// For what.
    pub(crate) lock: LockId,
}

/// One sampled wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interval {
    /// What was waited for.
    pub(crate) lock: LockId,
    /// Where.
    pub(crate) stack: StackId,
    /// Who waited.
    pub(crate) thread: ThreadId,
    /// Who had it, if that is known.
    pub(crate) holder: Option<Holder>,
    /// When it began (CLOCK_MONOTONIC, nanoseconds).
    pub(crate) start_ns: u64,
    /// How long it lasted, in nanoseconds.
    pub(crate) wait_ns: u64,
}

/// A wait that had not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// What is waited for.
    pub(crate) lock: LockId,
    /// Where, if the wait is sampled.
    pub(crate) stack: Option<StackId>,
    /// Who waits.
    pub(crate) thread: ThreadId,
    /// How long already, in nanoseconds.
    pub(crate) waited_ns: u64,
}

impl Lost {
    /// All together.
    pub(crate) fn total(&self) -> u64 {
        let Self {
            table_full,
            nested,
            end_not_seen,
        } = *self;
        table_full
            .saturating_add(nested)
            .saturating_add(end_not_seen)
    }
}

impl Events {
    /// What begins must come to.
    pub(crate) fn explained(&self) -> u64 {
        [self.repeats, self.ended, self.filtered, self.open]
            .into_iter()
            .fold(self.lost.total(), u64::saturating_add)
    }

    /// Whether each begin is in exactly one place.
    pub(crate) fn holds(&self) -> bool {
        self.begins == self.explained()
    }
}

impl Account {
    /// Whether each event is in exactly one place.
    pub(crate) fn holds(&self) -> bool {
        self.kernel.holds() && self.user.holds()
    }
}

#[cfg(test)]
mod tests {
    use super::{Estimate, Identity, Lock, Waits};
    use crate::profile::{
        lock_type::{Class, LockType},
        word::Word,
    };

    #[test]
    fn adding_keeps_the_extremes_and_ignores_those_of_nothing() {
        let waits = |count, total_ns, min_ns, max_ns| Waits {
            count,
            total_ns,
            min_ns,
            max_ns,
            ..Waits::default()
        };
        let failed = Waits {
            timed_out: 1,
            not_acquired_ns: 99,
            ..Waits::default()
        };
        let mut sum = Waits::default();
        for term in [&failed, &waits(2, 30, 10, 20), &failed, &waits(1, 5, 5, 5)] {
            sum.add(term);
        }
        assert_eq!(
            sum,
            Waits {
                timed_out: 2,
                not_acquired_ns: 198,
                ..waits(3, 35, 5, 20)
            }
        );
    }

    #[test]
    fn pieces_add_their_time_alone() {
        let lock = |word| Lock {
            identity: Identity::Other,
            lock_type: LockType::User(Class::Mutex),
            operation: String::new(),
            name: Some("GIL".to_owned()),
            word,
            waits: Waits {
                count: 3,
                total_ns: 30,
                min_ns: 5,
                max_ns: 20,
                timed_out: 4,
                interrupted: 1,
                not_acquired_ns: 100,
                ..Waits::default()
            },
        };
        let told = |word| {
            let lock = lock(word);
            let ranked = lock.ranked();
            (
                ranked.count,
                ranked.total_ns,
                ranked.pieces,
                ranked.failed(),
            )
        };
        assert_eq!(told(Word::Own), (3, 30, 0, 5));
        assert_eq!(told(Word::Waiter), (3, 30, 0, 5));
        assert_eq!(told(Word::Polled), (3, 130, 5, 0));
        assert_eq!(told(Word::Inner), (0, 130, 8, 0));
        let piece = Estimate::piece(10, 3);
        assert_eq!(
            (piece.count, piece.wait_ns, piece.count_error()),
            (0, 80, 0)
        );
        assert!(piece.wait_error_ns() > 0);
    }

    #[test]
    fn a_wait_that_was_sure_to_be_sampled_has_no_error() {
        let mut sum = Estimate::of(1000, 0);
        sum.add(&Estimate::of(500, 0));
        assert_eq!((sum.count, sum.wait_ns, sum.max_ns), (2, 1500, 1000));
        assert_eq!((sum.count_error(), sum.wait_error_ns()), (0, 0));
    }

    #[test]
    fn estimates_are_unbiased_and_know_their_error() {
        // 200 times the same population: waits of 1 to 1000 us, longer ones likelier sampled.
        let truth: u64 = (1..=1000).map(|us| us * 1000).sum();
        let mut random = fastrand::Rng::with_seed(1);
        let (mut sum, mut covered) = (0.0, 0);
        for _ in 0..200 {
            let mut estimate = Estimate::default();
            for us in 1..=1000_u64 {
                let shift = 10_u32.saturating_sub(us.ilog2());
                if random.u64(..) & ((1 << shift) - 1) == 0 {
                    estimate.add(&Estimate::of(us * 1000, shift));
                }
            }
            sum += estimate.wait_ns as f64;
            covered += usize::from(estimate.wait_ns.abs_diff(truth) <= estimate.wait_error_ns());
        }
        let mean = sum / 200.0;
        assert!(
            (mean / truth as f64 - 1.0).abs() < 0.01,
            "{mean} of {truth}"
        );
        // 95 % of 200 are 190; fewer than 180 have a chance of less than 1 in 1000.
        assert!(covered >= 180, "{covered} of 200");
    }
}
