//! Places in code, and stacks of them.

use crate::profile::snapshot::FrameId;

/// A place in code. Inlined functions have a frame each.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
