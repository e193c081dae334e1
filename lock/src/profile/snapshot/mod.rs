//! What was recorded in an interval: plain data with everything that a report needs, names
//! included. A recording is a sequence of these, and what they come to together is one, too
//! ([`Snapshot::merge`]).
//!
//! Two kinds of values are told apart everywhere. [`Waits`] were counted by the kernel's
//! side, every wait: they are exact. [`Estimate`]s come from the waits that were sampled,
//! whose stack was taken: their sums are unbiased and know their variance. Recorded with
//! `--exact`, every wait is sampled and the variance is zero.

mod accounting;
mod lock;
mod metadata;
mod sampled;
mod stack;
mod task;
mod waits;

pub(crate) use accounting::{EventAccounting, Events, Lost, SampleCounts};
pub(crate) use lock::{Identity, Lock};
pub(crate) use metadata::{Hook, Metadata, Scope};
pub(crate) use sampled::{Chain, ChainLink, Holder, OpenWait, SampledWait, Site};
pub(crate) use stack::{Frame, Stack};
pub(crate) use task::{Process, Thread};
pub(crate) use waits::{AGAIN, Estimate, Lengths, PIECES, SleptCalls, Waits};

/// An index into a table of the snapshot that it stands in.
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident,)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// When it began (CLOCK_REALTIME, milliseconds since 1970).
    pub(crate) started_unix_ms: u64,
    /// When it began (CLOCK_MONOTONIC, nanoseconds), on the clock of all `start_ns` here.
    pub(crate) started_ns: u64,
    /// How long it lasted, in nanoseconds.
    pub(crate) duration_ns: u64,
    /// What was recorded, where and how: the same in all intervals of a recording.
    pub(crate) metadata: Metadata,
    /// The programs that recorded, and what they cost.
    pub(crate) hooks: Vec<Hook>,
    /// CPU time that `lock` itself took, user and system, in nanoseconds.
    pub(crate) own_cpu_ns: u64,
    /// Where the events went.
    pub(crate) accounting: EventAccounting,
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
    /// Locks, with exact values of their waits.
    pub(crate) locks: Vec<Lock>,
    /// Sampled waits that ended with the lock, by lock, stack, thread, holder and range of
    /// lengths.
    pub(crate) sites: Vec<Site>,
    /// Sampled waits for a thread that waited itself, by the whole chain.
    pub(crate) chains: Vec<Chain>,
    /// The longest sampled waits, in the order of their begin.
    pub(crate) longest: Vec<SampledWait>,
    /// Waits that had not ended at the end.
    pub(crate) open: Vec<OpenWait>,
}
