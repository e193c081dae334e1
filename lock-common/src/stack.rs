//! Stacks: as the kernel walks them, and as user memory that is copied.

use crate::Plain;

/// How many frames of a kernel stack are kept at the most, tracing and locking included.
pub const KERNEL_FRAMES: usize = 48;

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

/// How many sets of calls there are whose frame sizes are kept; a power of two.
pub const CALL_SETS: usize = 4096;

/// How many calls have a slot in a set.
pub const CALL_WAYS: usize = 4;

/// The set of a call, which is the lower half of its return address.
pub const fn call_set(call: u32) -> u32 {
    call.wrapping_mul(0x9e37_79b1) >> (32 - CALL_SETS.ilog2())
}

/// How many words of a kernel stack are looked at at the most, to recognise it.
pub const STACK_WORDS: usize = 256;

/// How many bytes of a user stack are copied at the most, and in which portions.
pub const USER_STACK: usize = 16 << 10;
/// Size of a portion, in bytes.
pub const USER_STACK_PORTION: usize = 1 << 10;

/// Which waits for kernel locks have their user stacks taken.
pub mod user_stacks {
    /// None.
    pub const NONE: u32 = 0;
    /// Those in which the thread may sleep. To copy the stack takes longer than most others.
    pub const SLEEPING: u32 = 1;
    /// All.
    pub const ALL: u32 = 2;
}

/// A call and the size of its frame.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallStep(u64);

// SAFETY: transparent over an integer.
unsafe impl Plain for CallStep {}

impl CallStep {
    /// A free slot.
    pub const FREE: Self = Self(0);

    /// A call with one of [`step`].
    #[inline]
    pub const fn new(call: u32, step: u32) -> Self {
        Self((call as u64) << 32 | step as u64)
    }

    /// The call.
    #[inline]
    pub const fn call(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// One of [`step`].
    #[inline]
    pub const fn step(self) -> u32 {
        self.0 as u32
    }
}

shared! {
    /// A kernel stack.
    pub struct KernelStack {
        /// Return addresses, innermost first; zeros behind the last.
        pub frames: [u64; KERNEL_FRAMES],
    }

    /// Calls and the sizes of their frames.
    pub struct CallSet {
        /// A free slot has no taken one behind it.
        pub calls: [CallStep; CALL_WAYS],
    }

    /// An event, too: a kernel stack as it is in memory, which was not recognised.
    pub struct RawStack {
        /// [`RAW_STACK`](crate::event::RAW_STACK).
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
