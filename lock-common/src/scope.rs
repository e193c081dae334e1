//! Whose waits are recorded.

/// How many processes share an element of the table of modes: a cache line.
pub const PROCESSES: usize = 64;

/// How many processes there can be: `PID_MAX_LIMIT` of the kernel's `include/linux/threads.h`
/// on 64-bit machines.
pub const MAX_PROCESSES: usize = 1 << 22;

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
    /// The lock's type: [`filter_type`](crate::WaitKind::filter_type).
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

shared! {
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
