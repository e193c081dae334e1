//! What depends on the architecture of the machine: how stacks are unwound, how code jumps,
//! numbers of system calls, and where the kernel keeps its own. `build.rs` refuses architectures that are not here.

mod x86_64;

pub(crate) use self::x86_64::{
    KERNEL_IMAGE, KERNEL_LOADED_LATER, Unwinder, UnwinderCache, UnwinderRegisters, call, jumps,
};
