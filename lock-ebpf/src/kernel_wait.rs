//! Waits for kernel locks: what happens at their begin and at their end.

use aya_ebpf::{helpers::bpf_ktime_get_ns, programs::BtfTracePointContext};
use lock_common::{Counter, NO_STACK, TotalsKey, Wait, WaitKey, lock_type, only_spins};

use crate::{
    filter::{self, Thread},
    lost,
    pending::{self, SpinPlace},
    stacks, totals,
};

/// A wait begins. All that is dear is done here, where the thread waits anyway.
#[inline(always)] // Its one caller is the program itself.
pub fn begin(ctx: &BtfTracePointContext, lock: u64, flags: u32) {
    let thread = Thread::current();
    if !filter::records(thread.tgid) {
        return;
    }
    let start_ns = now_ns();
    lost::count(Counter::Begins);

    if only_spins(flags) {
        let Some(place) = SpinPlace::find(lock, thread.tid) else {
            lost::count(Counter::LostNested);
            return;
        };
        let stack = attribute(ctx, flags);
        place.open(
            lock,
            thread.tid,
            Wait {
                start_ns,
                flags,
                stack,
            },
        );
    } else {
        let key = wait_key(lock, thread.tid);
        if pending::repeats(key, flags) {
            lost::count(Counter::Repeats);
            return;
        }
        let stack = attribute(ctx, flags);
        pending::open(
            key,
            Wait {
                start_ns,
                flags,
                stack,
            },
        );
    }
}

/// A wait is over, and the lock most likely held: only what must be done now.
#[inline(always)] // Its one caller is the program itself.
pub fn end(lock: u64, ret: i32) {
    let now_ns = now_ns();
    let thread = Thread::current();
    // Before the search, which the others, holding their locks, need not pay for.
    if !filter::records(thread.tgid) {
        return;
    }
    let wait =
        pending::end_spin(lock, thread.tid).or_else(|| pending::end(wait_key(lock, thread.tid)));
    let Some(wait) = wait else {
        lost::count(Counter::EndsWithoutBegin);
        return;
    };
    let key = TotalsKey {
        lock_type: lock_type(wait.flags),
        stack: wait.stack,
    };
    totals::add(key, now_ns.saturating_sub(wait.start_ns), ret >= 0);
}

/// The stack id under which the wait will be added up, or `NO_STACK`, counted by cause.
#[inline(always)] // Called once for each way of waiting.
fn attribute(ctx: &BtfTracePointContext, flags: u32) -> i32 {
    let prepared = stacks::current(ctx).and_then(|stack| {
        let key = TotalsKey {
            lock_type: lock_type(flags),
            stack,
        };
        totals::prepare(key)
            .then_some(stack)
            .ok_or(Counter::TotalsFull)
    });
    prepared.unwrap_or_else(|cause| {
        lost::count(cause);
        NO_STACK
    })
}

#[inline(always)] // Three moves.
fn wait_key(lock: u64, tid: u32) -> WaitKey {
    WaitKey { lock, tid, zero: 0 }
}

#[inline(always)] // One helper call.
fn now_ns() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}
