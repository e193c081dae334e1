//! Waits that were sampled, alone and in chains, and waits that had not ended.

use crate::profile::snapshot::{Estimate, LockId, StackId, ThreadId};

/// Sampled waits with everything in common, their range of lengths as well.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Holder {
    /// The thread.
    pub(crate) thread: ThreadId,
    /// Where it released the lock, if that was seen.
    pub(crate) stack: Option<StackId>,
}

/// A chain of waits: the first thread waits for a lock that the second one has, which waits
/// itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chain {
    /// Who waits for what, each held by the next one. At least two.
    pub(crate) links: Vec<ChainLink>,
    /// Who has the last lock, if that is known.
    pub(crate) end: Option<ThreadId>,
    /// The waits of the first.
    pub(crate) waits: Estimate,
}

/// A member of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChainLink {
    /// Who waits.
    pub(crate) thread: ThreadId,
    /// For what.
    pub(crate) lock: LockId,
}

/// One sampled wait.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SampledWait {
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
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenWait {
    /// What is waited for.
    pub(crate) lock: LockId,
    /// Where, if the wait is sampled.
    pub(crate) stack: Option<StackId>,
    /// Who waits.
    pub(crate) thread: ThreadId,
    /// How long already, in nanoseconds.
    pub(crate) waited_ns: u64,
    /// Whether it began before recording did, and `waited_ns` is the time since then.
    pub(crate) at_least: bool,
    /// Whether it ends by itself.
    pub(crate) has_timeout: bool,
    /// Who has it, if that is known.
    pub(crate) holder: Option<ThreadId>,
}
