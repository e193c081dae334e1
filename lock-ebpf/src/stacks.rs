//! Kernel stacks, kept once each, by a hash of 64 bits: two of some thousand stacks have the
//! same one with a chance of 1 in 10^12. The kernel's own stack map cuts its hash to the
//! map's size and loses one stack in a hundred to collisions.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    bindings::BPF_NOEXIST,
    btf_maps::{HashMap, PerCpuArray},
    helpers::bpf_get_stack,
    macros::btf_map,
    programs::BtfTracePointContext,
};
use lock_common::{KERNEL_FRAMES, KernelStack};

/// Hash -> stack.
#[btf_map]
static STACKS: HashMap<u64, KernelStack, 8192> = HashMap::new();

/// Which program -> where it puts a stack together.
#[btf_map]
static STACK_SCRATCH: PerCpuArray<KernelStack, 3> = PerCpuArray::new();

/// A program that takes stacks. One can interrupt another, so that each has its own place.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Taker {
    Begin = 0,
    End = 1,
    Release = 2,
}

/// Why there is no stack.
#[derive(Clone, Copy)]
pub enum Lost {
    /// There is no room for another one.
    Full,
    /// The kernel could not walk it.
    Unreadable,
}

/// The current kernel stack's hash, by which it is kept.
#[inline(always)] // Once in each program that takes stacks.
pub fn current(ctx: &BtfTracePointContext, taker: Taker) -> Result<u64, Lost> {
    let stack = STACK_SCRATCH
        .get_ptr_mut(taker as u32)
        .ok_or(Lost::Unreadable)?;
    // SAFETY: writes at most the size of a stack to a live value of this CPU, which this
    // program has to itself.
    let length = unsafe {
        bpf_get_stack(
            ctx.as_ptr(),
            stack.cast::<c_void>(),
            size_of::<KernelStack>() as u32,
            0,
        )
    };
    if length <= 0 {
        return Err(Lost::Unreadable);
    }
    let frames = length as usize / size_of::<u64>();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for index in 0..KERNEL_FRAMES {
        // SAFETY: index < KERNEL_FRAMES.
        let frame = unsafe { &mut *(&raw mut (*stack).frames[index]) };
        if index < frames {
            hash = (hash ^ *frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 29;
        } else {
            *frame = 0; // Of the stack before.
        }
    }
    let hash = hash | 1; // Zero stands for none.
    if STACKS.get_ptr(hash).is_some() {
        return Ok(hash);
    }
    // SAFETY: as above.
    match STACKS.insert(hash, unsafe { &*stack }, BPF_NOEXIST.into()) {
        Ok(()) => Ok(hash),
        // Another CPU may have been first.
        Err(_) if STACKS.get_ptr(hash).is_some() => Ok(hash),
        Err(_) => Err(Lost::Full),
    }
}
