//! Kernel stacks, kept once each, by a hash of 64 bits: two of some thousand stacks have the
//! same one with a chance of 1 in 10^12. The kernel's own stack map cuts its hash to the
//! map's size and loses one stack in a hundred to collisions.

use core::{
    ffi::c_void,
    hint::black_box,
    ptr::{read_volatile, write_volatile},
};

use aya_ebpf::{
    EbpfContext as _,
    bindings::BPF_NOEXIST,
    btf_maps::{HashMap, LruHashMap, PerCpuArray},
    helpers::{bpf_get_stack, generated::bpf_probe_read_kernel},
    macros::btf_map,
    programs::BtfTracePointContext,
};
use lock_common::{KERNEL_FRAMES, KernelStack, RawStack, STACK_WORDS};

use crate::task::Registers;

/// Hash -> stack.
#[btf_map]
static STACKS: HashMap<u64, KernelStack, 8192> = HashMap::new();

/// Which program -> where it puts a stack together.
#[btf_map]
static STACK_SCRATCH: PerCpuArray<KernelStack, 3> = PerCpuArray::new();

/// Which program -> a stack's memory.
#[btf_map]
static RAW_SCRATCH: PerCpuArray<RawStack, 3> = PerCpuArray::new();

/// Fingerprint of a stack's memory -> hash of the stack.
#[btf_map]
static RECOGNISED: LruHashMap<u64, u64, 16384> = LruHashMap::new();

/// The longest stack's memory that is looked at, in bytes, as a mask: a word less than there
/// is room for.
const STACK_MASK: u64 = (STACK_WORDS * size_of::<u64>() - 1) as u64;
const _: () = assert!(STACK_WORDS.is_power_of_two());

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
///
/// To walk a stack takes the kernel 3 us. So a stack is walked only if it is not recognised
/// by its memory.
#[inline(always)] // Once in each program that takes stacks.
pub fn current(ctx: &BtfTracePointContext, taker: Taker) -> Result<u64, Lost> {
    let fingerprint = fingerprint(ctx, taker);
    if let Some(fingerprint) = fingerprint
        // SAFETY: the value is copied at once.
        && let Some(hash) = unsafe { RECOGNISED.get(fingerprint) }
    {
        return Ok(*hash);
    }
    let hash = walk(ctx, taker)?;
    if let Some(fingerprint) = fingerprint {
        let _ = RECOGNISED.insert(fingerprint, hash, 0);
    }
    Ok(hash)
}

/// What a stack is recognised by: the return addresses in its memory, and where they are.
/// Two stacks that have all these in common are walked the same way. The reverse is not so,
/// as words that are left from earlier calls count as well: then it is just walked again.
///
/// None if the stack is too large to look at, or goes on elsewhere, as in an interrupt.
#[inline(always)] // Its one caller is inlined.
fn fingerprint(ctx: &BtfTracePointContext, taker: Taker) -> Option<u64> {
    /// Where the kernel's text and its modules are mapped: `__START_KERNEL_map` of its
    /// `arch/x86/include/asm/page_64_types.h`.
    const TEXT: u64 = 0xffff_ffff_8000_0000;
    /// Above are errors and other small negative numbers.
    const TEXT_END: u64 = 0xffff_ffff_ffff_0000;
    let raw = RAW_SCRATCH.get_ptr_mut(taker as u32)?;
    // The context is an array on the stack of `bpf_trace_run2`; from there on outwards is
    // what would be walked. At the outer end are the registers of user space.
    let begin = ctx.as_ptr();
    let end = Registers::current()?.address();
    // SAFETY: a live value of this CPU, which this program has to itself. The addresses go
    // through memory, as the verifier refuses to subtract one pointer from a number: "R1
    // tried to subtract pointer from scalar".
    let length = unsafe {
        write_volatile(&raw mut (*raw).begin, begin.addr() as u64);
        write_volatile(&raw mut (*raw).end, end.addr() as u64);
        read_volatile(&raw const (*raw).end).wrapping_sub(read_volatile(&raw const (*raw).begin))
    };
    if length > STACK_MASK {
        return None;
    }
    // Linux 6.1 forgets what a comparison told of a number that goes through the stack ("R2
    // min value is negative, either use unsigned or 'var &= const'"), and the compiler takes
    // a mask for redundant unless the number is hidden from it.
    let length = black_box(length) & STACK_MASK;
    // SAFETY: as above; the length is within the array.
    let result = unsafe {
        bpf_probe_read_kernel(
            (&raw mut (*raw).words).cast::<c_void>(),
            length as u32,
            begin.cast_const(),
        )
    };
    if result != 0 {
        return None;
    }
    let words = length as usize / size_of::<u64>();
    let mut hash = length;
    for index in 0..STACK_WORDS {
        if index >= words {
            break;
        }
        // SAFETY: index < STACK_WORDS.
        let word = unsafe { (*raw).words[index] };
        if (TEXT..TEXT_END).contains(&word) {
            hash = (hash ^ word ^ (index as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 32;
        }
    }
    Some(hash)
}

/// Has the kernel walk the stack.
#[inline(always)] // Its one caller is inlined.
fn walk(ctx: &BtfTracePointContext, taker: Taker) -> Result<u64, Lost> {
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
