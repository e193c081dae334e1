//! Waits for kernel locks: what happens at their begin, at their end, and when a holder
//! releases.

use aya_ebpf::{Global, programs::RawTracePointContext};
use lock_common::{
    Counter, Event, Outcome, Release, Sleep, Spin, Tally, ThreadRef, WaitKind, bucket, bucket_log,
    event, flag, hint, only_spins, user_stacks,
};

use crate::{
    clock::now_ns,
    events::{self, Sender},
    filter, lost, owner,
    sampler::{self, SampleSource},
    spins::{self, SpinSlot},
    stacks::{self, StackSource},
    task::{self, Registers, Thread},
    threads::{self, Begin},
    totals::{self, Ended},
    user_stack,
};

/// Waits shorter than this, in nanoseconds, are left out. Set by the loader.
#[unsafe(no_mangle)]
static MIN_WAIT_NS: Global<u64> = Global::new(0);
/// Which waits' user stacks are taken: one of `lock_common::user_stacks`.
#[unsafe(no_mangle)]
static USER_STACKS: Global<u32> = Global::new(user_stacks::SLEEPING);
/// Not zero: the kernel tells of releases.
#[unsafe(no_mangle)]
static HAS_RELEASES: Global<u32> = Global::new(0);
/// Offset of `mmap_lock` in the running kernel's `struct mm_struct`, in bytes.
#[unsafe(no_mangle)]
static MM_LOCK_OFFSET: Global<u32> = Global::new(0);

/// Errors with which a lock is not acquired: `include/uapi/asm-generic/errno*.h` and
/// `include/linux/errno.h` of the kernel.
const EINTR: i32 = -4;
const ETIMEDOUT: i32 = -110;
const ERESTARTSYS: i32 = -512;

/// A wait begins. With `--exact` the stack is taken here, where the thread waits anyway.
#[inline(always)]
pub fn begin(ctx: &RawTracePointContext, lock: u64, flags: u32) {
    let thread = Thread::current();
    if !filter::matches(thread, lock, WaitKind::kernel(flags)) {
        return;
    }
    let start_ns = now_ns();
    if only_spins(flags) {
        let Some(slot) = SpinSlot::find(lock, thread.tid) else {
            lost::count(Counter::KernelBegins);
            lost::count(Counter::KernelLostNested);
            return;
        };
        if slot.nested || threads::find(thread.tid).is_some_and(threads::Waits::sleeps) {
            lost::count(Counter::KernelNested);
        }
        let stack = exact_stack(ctx);
        // It counts the begin, too.
        slot.open(
            lock,
            Spin {
                start_ns,
                stack,
                tid: thread.tid,
                flags,
            },
        );
        return;
    }
    lost::count(Counter::KernelBegins);
    let Some(waits) = threads::claim(thread.tid) else {
        lost::count(Counter::KernelLostTableFull);
        return;
    };
    match waits.begin(lock, flags, start_ns) {
        Begin::Repeat => lost::count(Counter::KernelRepeats),
        Begin::Full => lost::count(Counter::KernelLostNested),
        Begin::New { slot, nested } => {
            if nested {
                lost::count(Counter::KernelNested);
            }
            slot.open(Sleep {
                lock,
                start_ns,
                phase_ns: start_ns,
                spin_ns: 0,
                holder: owner::of(lock, flags),
                stack: exact_stack(ctx),
                flags,
                zero: 0,
            });
        }
    }
}

/// The stack, where every wait's is taken; else zero.
#[inline(always)]
fn exact_stack(ctx: &RawTracePointContext) -> u64 {
    if !sampler::exact() {
        return 0;
    }
    match stacks::current(ctx, StackSource::Begin) {
        Ok(stack) => stack,
        Err(stacks::Lost::Full) => {
            lost::count(Counter::BeginStacksFull);
            0
        }
        Err(stacks::Lost::Unreadable) => {
            lost::count(Counter::BeginStacksUnreadable);
            0
        }
    }
}

/// A wait that has ended.
#[derive(Clone, Copy)]
struct Wait {
    start_ns: u64,
    part_ns: u64,
    holder: ThreadRef,
    stack: u64,
    flags: u32,
}

/// A wait is over, and the lock most likely held: only what must be done now.
#[inline(always)]
pub fn end(ctx: &RawTracePointContext, lock: u64, ret: i32) {
    let now_ns = now_ns();
    let thread = Thread::current();
    let Some(wait) = ended(lock, thread, now_ns) else {
        if filter::matches(thread, lock, WaitKind::kernel(0)) {
            lost::count(Counter::KernelEndsWithoutBegin);
        }
        return;
    };
    let wait_ns = now_ns.saturating_sub(wait.start_ns);
    if wait_ns < MIN_WAIT_NS.load() {
        lost::count(Counter::KernelFiltered);
        return;
    }
    let outcome = match ret {
        0.. => Outcome::ACQUIRED,
        ETIMEDOUT => Outcome::TIMED_OUT,
        EINTR | ERESTARTSYS => Outcome::INTERRUPTED,
        _ => Outcome::FAILED,
    };
    let kind = WaitKind::kernel(wait.flags);
    let bucket = bucket(wait_ns);
    if !totals::add(Ended {
        lock,
        tgid: 0,
        kind,
        outcome,
        tally: Tally::FIRST,
        wait_ns,
        bucket,
        part_ns: wait.part_ns,
    }) {
        lost::count(Counter::KernelLostTotals);
    }
    if outcome != Outcome::ACQUIRED {
        return;
    }
    if let Some(shift) = sampler::draw(SampleSource::KernelEnd, bucket_log(bucket), now_ns) {
        lost::count(Counter::KernelSamples);
        if !sample(ctx, lock, thread, wait, wait_ns, shift) {
            lost::count(Counter::KernelSamplesLost);
        }
    }
}

#[inline(always)]
fn ended(lock: u64, thread: Thread, now_ns: u64) -> Option<Wait> {
    if let Some(spin) = spins::end(lock, thread.tid) {
        return Some(Wait {
            start_ns: spin.start_ns,
            part_ns: 0,
            holder: ThreadRef::NONE,
            stack: spin.stack,
            flags: spin.flags,
        });
    }
    let sleep = threads::find(thread.tid)?.end(lock, now_ns)?;
    Some(Wait {
        start_ns: sleep.start_ns,
        part_ns: sleep.spin_ns,
        holder: sleep.holder,
        stack: sleep.stack,
        flags: sleep.flags,
    })
}

/// Sends a wait with its stacks. False if it was lost.
#[inline(always)]
fn sample(
    ctx: &RawTracePointContext,
    lock: u64,
    thread: Thread,
    wait: Wait,
    wait_ns: u64,
    shift: u32,
) -> bool {
    let stack = if sampler::exact() {
        wait.stack
    } else {
        match stacks::current(ctx, StackSource::End) {
            Ok(stack) => stack,
            Err(stacks::Lost::Full) => {
                lost::count(Counter::EndStacksFull);
                0
            }
            Err(stacks::Lost::Unreadable) => {
                lost::count(Counter::EndStacksUnreadable);
                0
            }
        }
    };
    let mut holder = wait.holder;
    if holder.is_none() && HAS_RELEASES.load() != 0 {
        holder = owner::released_since(lock, wait.start_ns);
    }
    let Some(to) = events::scratch(Sender::End) else {
        return false;
    };
    let task = task::current();
    let is_mmap_lock = matches!(wait.flags, flag::READ | flag::WRITE)
        && task::memory(task)
            .is_some_and(|mm| mm != 0 && mm.wrapping_add(MM_LOCK_OFFSET.load().into()) == lock);
    to.event = Event {
        event: event::KERNEL,
        shift,
        lock,
        start_ns: wait.start_ns,
        wait_ns,
        holder,
        stack,
        kind: WaitKind::kernel(wait.flags),
        hint: if is_mmap_lock {
            hint::MMAP_LOCK
        } else {
            hint::NONE
        },
        ..events::of_current(thread)
    };
    let wanted = match USER_STACKS.load() {
        user_stacks::NONE => false,
        user_stacks::SLEEPING => !only_spins(wait.flags),
        _ => true,
    };
    if wanted
        && !task::is_kernel_thread(task)
        && let Some(registers) = Registers::of(task)
    {
        user_stack::copy(registers, to);
    }
    events::send(to)
}

/// The holder of a contended lock is about to release it: note who it is, and now and then
/// where.
#[inline(always)]
pub fn release(ctx: &RawTracePointContext, lock: u64) {
    /// A length that stands for all: releases have none.
    const LOG: u64 = 10;
    let thread = Thread::current();
    let at_ns = now_ns();
    owner::released(
        lock,
        Release {
            holder: thread.reference(),
            at_ns,
        },
    );
    if sampler::draw(SampleSource::Release, LOG, at_ns).is_none() {
        return;
    }
    let Ok(stack) = stacks::current(ctx, StackSource::Release) else {
        return;
    };
    let Some(to) = events::scratch(Sender::Release) else {
        return;
    };
    let task = task::current();
    to.event = Event {
        event: event::RELEASE,
        lock,
        start_ns: at_ns,
        stack,
        ..events::of_current(thread)
    };
    if USER_STACKS.load() != user_stacks::NONE
        && !task::is_kernel_thread(task)
        && let Some(registers) = Registers::of(task)
    {
        user_stack::copy(registers, to);
    }
    // Without it only the location of the release is unknown.
    let _ = events::send(to);
}
