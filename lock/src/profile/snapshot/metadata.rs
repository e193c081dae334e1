//! What was recorded, where, how and by which programs.

/// What was recorded, where and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
