//! Sampled events, on their way to user space.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{PerCpuArray, RingBuf},
    helpers::{bpf_get_current_cgroup_id, bpf_get_current_comm, generated::bpf_ringbuf_output},
    macros::btf_map,
};
use lock_common::{Event, EventWithStack, RawStack, USER_STACK};

use crate::task::Thread;

/// The events, each with its copy of a user stack. `lock` looks for them by itself: to wake
/// it from within a lock's slow path could wait for locks. Without a value type: libbpf rejects
/// a ring buffer that has one of a size other than zero.
#[btf_map]
static EVENTS: RingBuf<(), { 16 << 20 }> = RingBuf::new();

/// Which program -> where it puts an event together.
#[btf_map]
static EVENT_SCRATCH: PerCpuArray<EventWithStack, 4> = PerCpuArray::new();

/// A program that sends events. One can interrupt another, so that each has its own slot.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Sender {
    End = 0,
    Switch = 1,
    Waking = 2,
    Release = 3,
}

/// An event of the current thread, of which nothing else is known.
#[inline(always)]
pub fn of_current(thread: Thread) -> Event {
    Event {
        tid: thread.tid,
        tgid: thread.tgid,
        // SAFETY: the helper has no preconditions.
        cgroup: unsafe { bpf_get_current_cgroup_id() },
        comm: bpf_get_current_comm().unwrap_or_default(),
        ..Event::ZERO
    }
}

/// Where a program puts an event together. What stood there before is still there.
#[inline(always)]
pub fn scratch<'a>(sender: Sender) -> Option<&'a mut EventWithStack> {
    let scratch = EVENT_SCRATCH.get_ptr_mut(sender as u32)?;
    // SAFETY: a live value of this CPU, which this program has to itself.
    Some(unsafe { &mut *scratch })
}

/// Sends an event with its user stack. False if the buffer is full.
#[inline(always)]
pub fn send(event: &mut EventWithStack) -> bool {
    let mut bytes = event.event.user_bytes as u64;
    if bytes > USER_STACK as u64 {
        bytes = 0; // Never: for the verifier, which sees a number from memory.
    }
    // SAFETY: the size is within the value.
    let result = unsafe {
        bpf_ringbuf_output(
            (&raw const EVENTS).cast_mut().cast::<c_void>(),
            (&raw mut *event).cast::<c_void>(),
            size_of::<Event>() as u64 + bytes,
            BPF_RB_NO_WAKEUP.into(),
        )
    };
    result == 0
}

/// Sends a kernel stack as it is in memory. Without it, it is walked again.
#[inline(always)]
pub fn send_raw_stack(raw: &mut RawStack) {
    // SAFETY: a value of just this size.
    unsafe {
        bpf_ringbuf_output(
            (&raw const EVENTS).cast_mut().cast::<c_void>(),
            (&raw mut *raw).cast::<c_void>(),
            size_of::<RawStack>() as u64,
            BPF_RB_NO_WAKEUP.into(),
        )
    };
}
