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
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray},
    helpers::{bpf_get_stack, generated::bpf_probe_read_kernel},
    macros::btf_map,
    programs::RawTracePointContext,
};
use lock_common::{
    CALL_SETS, CALL_WAYS, CallSet, HASH_SEED, KERNEL_FRAMES, KernelStack, RawStack, STACK_WORDS,
    TRACING_FRAMES, call_set, event, finish_hash, hash_frame, step,
};

use crate::{events, task::Registers};

/// Hash -> stack.
#[btf_map]
static STACKS: HashMap<u64, KernelStack, 8192> = HashMap::new();

/// Which program -> where it puts a stack together, and copies its memory to.
#[btf_map]
static RAW_SCRATCH: PerCpuArray<RawStack, 3> = PerCpuArray::new();

/// Number of a set -> calls, and how far it is from each to the next: user space finds that out.
/// An array, as each frame of a stack takes a look: a hash table's is a call and two cache
/// lines more.
#[btf_map]
static FRAME_STEPS: Array<CallSet, CALL_SETS> = Array::new();

/// Hash of a stack -> how often user space got its memory.
#[btf_map]
static SENT: LruHashMap<u64, u32, 8192> = LruHashMap::new();

/// How often a stack is sent, in the hope that nothing else in its memory looks like its
/// return addresses.
const SEND: u32 = 16;

/// The longest stack's memory that is looked at, in bytes, as a mask: a word less than there
/// is room for.
const STACK_MASK: u64 = (STACK_WORDS * size_of::<u64>() - 1) as u64;
const _: () = assert!(STACK_WORDS.is_power_of_two());

/// A program that takes stacks. One can interrupt another, so that each has its own slot.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum StackSource {
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
/// To have the kernel walk a stack takes 3 us: it looks up in a large table how to get from
/// each frame to the next. What is walked again and again are the same few calls. So the
/// sizes of their frames are kept in a small table, which user space fills with what it finds
/// in stacks that the kernel walked. And what this table leads to counts only if it is, to
/// the last return address, a stack that the kernel has walked before.
#[inline(always)]
pub fn current(ctx: &RawTracePointContext, source: StackSource) -> Result<u64, Lost> {
    let memory = memory(ctx, source);
    if let Some((raw, length)) = memory
        && let Some(hash) = recognise(raw, length as usize / size_of::<u64>())
    {
        return Ok(hash);
    }
    let hash = walk(ctx, source)?;
    if let Some((raw, _)) = memory {
        send(raw, hash);
    }
    Ok(hash)
}

/// A copy of the stack's memory, and how many bytes it is. None if it is too large, or goes on
/// elsewhere, as in an interrupt.
#[inline(always)]
fn memory(ctx: &RawTracePointContext, source: StackSource) -> Option<(*mut RawStack, u64)> {
    let raw = RAW_SCRATCH.get_ptr_mut(source as u32)?;
    // The context is an array on the stack of `bpf_trace_run2`; from there on outwards is
    // what would be walked. At the outer end are the registers of user space.
    let begin = ctx.as_ptr();
    let end = Registers::current()?.address();
    // SAFETY: a live value of this CPU, which this program has to itself. The addresses go
    // through memory, as the verifier rejects subtracting a pointer from a number: "R1
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
    (result == 0).then_some((raw, length))
}

/// The stack that the sizes of its frames lead through, if it was walked before.
#[inline(always)]
fn recognise(raw: *mut RawStack, words: usize) -> Option<u64> {
    let mut position = step_of(step::FIRST)? as usize & (STACK_WORDS - 1);
    let mut hash = HASH_SEED;
    for _ in 0..KERNEL_FRAMES - TRACING_FRAMES {
        if position >= words {
            return None;
        }
        // SAFETY: position < STACK_WORDS, in a live value of this CPU.
        let address = unsafe { read_volatile(&raw const (*raw).words[position]) };
        hash = hash_frame(hash, address);
        match step_of(address as u32)? {
            step::UNKNOWN => return None,
            step::OUTERMOST => {
                let hash = finish_hash(hash);
                return STACKS.get_ptr(hash).is_some().then_some(hash);
            }
            step if step & step::FROM_END != 0 => {
                position = words.wrapping_sub((step & !step::FROM_END) as usize);
            }
            step => position += step as usize,
        }
        // Whatever way it came to be, the verifier knows the same of it, and need not try
        // all ways through the loop: without this it gives up after a million instructions.
        position &= STACK_WORDS - 1;
    }
    None
}

#[inline(always)]
fn step_of(call: u32) -> Option<u32> {
    let set = FRAME_STEPS.get_ptr(call_set(call))?;
    for way in 0..CALL_WAYS {
        // SAFETY: way < CALL_WAYS, in a live value.
        let entry = unsafe { read_volatile(&raw const (*set).calls[way]) };
        if entry.call() == call {
            return Some(entry.step());
        }
    }
    None
}

/// Sends a stack's memory to user space, which finds the return addresses in it.
#[inline(always)]
fn send(raw: *mut RawStack, hash: u64) {
    // SAFETY: the value is copied at once.
    let sent = unsafe { SENT.get(hash) }.copied().unwrap_or(0);
    if sent >= SEND {
        return;
    }
    let _ = SENT.insert(hash, sent + 1, 0);
    // SAFETY: a live value of this CPU, which this program has to itself.
    let raw = unsafe { &mut *raw };
    raw.event = event::RAW_STACK;
    raw.zero = 0;
    raw.hash = hash;
    events::send_raw_stack(raw);
}

/// Has the kernel walk the stack.
#[inline(always)]
fn walk(ctx: &RawTracePointContext, source: StackSource) -> Result<u64, Lost> {
    let raw = RAW_SCRATCH
        .get_ptr_mut(source as u32)
        .ok_or(Lost::Unreadable)?;
    // SAFETY: within a live value.
    let stack = unsafe { &raw mut (*raw).stack };
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
    let mut hash = HASH_SEED;
    for index in 0..KERNEL_FRAMES {
        // SAFETY: index < KERNEL_FRAMES.
        let frame = unsafe { &mut (*stack).frames[index] };
        if index >= frames {
            *frame = 0; // Of the stack before.
        } else if index >= TRACING_FRAMES {
            hash = hash_frame(hash, *frame);
        }
    }
    let hash = finish_hash(hash);
    if STACKS.get_ptr(hash).is_some() {
        return Ok(hash);
    }
    // SAFETY: as above.
    let stack = unsafe { &*stack };
    match STACKS.insert(hash, stack, BPF_NOEXIST.into()) {
        Ok(()) => Ok(hash),
        // Another CPU may have been first.
        Err(_) if STACKS.get_ptr(hash).is_some() => Ok(hash),
        Err(_) => Err(Lost::Full),
    }
}
