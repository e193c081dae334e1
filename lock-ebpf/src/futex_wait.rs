//! Waits for user locks: threads that the scheduler switches out within a futex system call,
//! what wakes them, and when they run again.
//!
//! A futex call that does not block costs nothing here, unlike with tracepoints of system
//! calls, which slow down every system call of every process.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{Global, helpers::bpf_get_smp_processor_id};
use lock_common::{
    Block, Counter, Event, Outcome, SAME_CALL_NS, Tally, ThreadRef, WOKEN_EARLY, WaitKind, bucket,
    command, event, expected_log, sample_number,
};

use crate::{
    arch::Register,
    clock::{self, now_ns},
    events::{self, Sender},
    filter,
    futex::{self, Futex},
    lost,
    sampler::{self, SampleSource},
    task::{self, Registers, Task, Thread},
    threads::{self, BlockExt as _, Waits},
    totals::{self, Ended},
    user_stack,
    waking::Waking,
};

/// Waits shorter than this, in nanoseconds, are left out. Set by the loader.
#[unsafe(no_mangle)]
static MIN_USER_WAIT_NS: Global<u64> = Global::new(0);

/// The current thread leaves its CPU. It ran until now: a wait of it that is still open was
/// over before, when the switch back to it was not shown. Some kernels do not show the
/// switches away from certain threads. The slot of the thread, if it has one.
#[inline(always)]
pub fn leave(task: Task) -> Option<Waits> {
    let tid = task::tid(task);
    let waits = threads::find(tid)?;
    // SAFETY: the slot of this thread, in a live map.
    let block = unsafe { &mut *waits.block() };
    if block.start_ns == 0 {
        return Some(waits);
    }
    let now_ns = now_ns();
    let mut ended = *block;
    // What wakes a thread unseen may be hidden as well.
    let at_ns = now_ns
        .saturating_sub(task::ran_ns(task))
        .max(ended.start_ns)
        .max(ended.wake_ns);
    let wait_ns = at_ns - ended.start_ns;
    ended.infer_outcome();
    block.close();
    block.leave_call();
    if wait_ns < MIN_USER_WAIT_NS.load() {
        lost::count(Counter::UserFiltered);
    } else if !send_end(event::UNSEEN, tid, &ended, wait_ns, wait_ns) {
        lost::count(Counter::UserLostEnd);
    }
    Some(waits)
}

/// The current thread, with this slot if it has one, leaves its CPU and sleeps, but not for a
/// futex.
#[inline(always)]
pub fn sleep(waits: Option<Waits>) {
    if let Some(waits) = waits {
        // SAFETY: the slot of this thread, in a live map.
        unsafe { &mut *waits.block() }.leave_call();
    }
}

/// The current thread, with this slot if it has one, leaves its CPU and sleeps until it is woken
/// or interrupted.
#[inline(always)]
pub fn block(task: Task, waits: Option<Waits>) {
    let Some(registers) = Registers::of(task) else {
        return;
    };
    let Some(futex) = Futex::waited_for(registers) else {
        sleep(waits);
        return;
    };
    if task::is_kernel_thread(task) {
        return; // It has no registers of a system call.
    }
    let thread = Thread::current();
    let (lock, kind) = futex.lock();
    if !filter::matches(thread, lock, kind) {
        return;
    }
    let now_ns = now_ns();
    lost::count(Counter::UserBegins);
    let Some(waits) = waits.or_else(|| threads::claim(thread.tid)) else {
        lost::count(Counter::UserLostTableFull);
        return;
    };
    // SAFETY: the slot of this thread, in a live map.
    let block = unsafe { &mut *waits.block() };
    let sp = registers.get(Register::Sp);
    // A filter by length is for sleeps: whether they are a call's is not known here for all kinds
    // of locks, and a short sleep is none that the filter lets in because its call is long.
    let is_same_call = MIN_USER_WAIT_NS.load() == 0
        && block.resumed_ns != 0
        && block.address == futex.address
        // Of the two queues of an rwlock, a writer can wait in one after the other.
        && block.lock | 1 == lock | 1
        && block.kind.shares_call_with(kind)
        && block.sp == sp
        // Where it kept its CPU, its CPU time need not be looked at.
        && (now_ns - block.resumed_ns < SAME_CALL_NS
            || task::cpu_ns(task) - block.resumed_ran_ns < SAME_CALL_NS);
    if !is_same_call {
        block.call_ns = now_ns;
        block.before_ns = 0;
        block.sp = sp;
        block.kind = kind;
    }
    block.address = futex.address;
    block.lock = lock;
    block.tgid = thread.tgid;
    block.has_timeout = futex.has_timeout.into();
    block.outcome = Outcome::ACQUIRED;
    block.owner = futex.owner();
    block.sample = 0;
    block.sampling_ns = 0;
    // The last store: from here on a wake-up on another CPU finds the wait.
    // SAFETY: as above.
    let woken_early = unsafe {
        write_volatile(&raw mut block.start_ns, now_ns);
        read_volatile(&raw const block.wake_ns) == WOKEN_EARLY
    };
    if !woken_early && sampled_when_woken(block) {
        return;
    }
    // Woken as it is, it waits for no more than a CPU.
    let expected = if woken_early {
        block.cpu_square
    } else {
        block.wait_square
    };
    let log = match expected {
        0 => sampler::UNKNOWN, // It is the thread's first.
        expected => expected_log(0, expected),
    };
    let Some(shift) = sampler::draw(SampleSource::UserBegin, log, now_ns) else {
        return;
    };
    lost::count(Counter::UserSamples);
    let begin = Begin {
        sample: next_sample(now_ns),
        shift,
        word: block.owner,
    };
    block.sample = begin.sample;
    if !send_begin(
        Sender::Switch,
        registers,
        events::of_current(thread),
        block,
        begin,
    ) {
        block.sample = 0;
        lost::count(Counter::UserSamplesLost);
    }
}

/// The current thread leaves its CPU and sleeps: counts it if it is in a call whose arguments
/// are not read here. Before all else, where the verifier finds both ways to lead to the same
/// state: within [`block`], everything behind it would be verified twice.
#[inline(always)]
pub fn count_unmeasured(task: Task) {
    let any = WaitKind::futex(command::WAIT as u32, 0);
    if let Some(registers) = Registers::of(task)
        && futex::is_32_bit_call(registers)
        && !task::is_kernel_thread(task)
        && filter::matches(Thread::current(), 0, any)
    {
        lost::count(Counter::UserUnmeasured);
    }
}

/// Whether a wait is sampled when its thread is woken: by then its length is known, so that
/// the chance need not go by what is expected. Only a thread of the same process can read the
/// waiting one's stack, and a wait that may end by its timeout may have no such waker.
#[inline(always)]
fn sampled_when_woken(block: &Block) -> bool {
    !sampler::exact() && block.kind.is_private() && block.has_timeout == 0
}

/// The number of a sample that is taken now.
#[inline(always)]
fn next_sample(now_ns: u64) -> u64 {
    // SAFETY: the helper has no preconditions.
    sample_number(now_ns, unsafe { bpf_get_smp_processor_id() })
}

/// What the sample of a wait has beside the wait.
#[derive(Clone, Copy)]
struct Begin {
    sample: u64,
    shift: u32,
    /// The mutex's owner in memory.
    word: u32,
}

/// Sends the begin of a wait, with the stack of the thread, whose `registers` these are.
#[inline(always)]
fn send_begin(
    sender: Sender,
    registers: Registers,
    waiter: Event,
    block: &Block,
    begin: Begin,
) -> bool {
    let Some(to) = events::scratch(sender) else {
        return false;
    };
    to.event = Event {
        event: event::BLOCK,
        shift: begin.shift,
        sample: begin.sample,
        lock: block.lock,
        start_ns: block.start_ns,
        kind: block.kind,
        word: begin.word,
        ..waiter
    };
    user_stack::copy(registers, to);
    events::send(to)
}

/// A thread gets a CPU. If it waited for a user lock, that is over.
#[inline(always)]
pub fn resume(task: Task) {
    let tid = task::tid(task);
    let Some(waits) = threads::find(tid) else {
        return;
    };
    // SAFETY: the slot of this thread, in a live map.
    let block = unsafe { &mut *waits.block() };
    if block.start_ns == 0 {
        // Not that of its next wait.
        if block.wake_ns != 0 {
            block.wake_ns = 0;
            block.waker = ThreadRef::NONE;
        }
        return;
    }
    let now_ns = now_ns();
    let mut ended = *block;
    // A sample must not make what it measures longer: where many waits are short, and a sample
    // stands for many of them, their total would be estimated at several times what it is.
    // But it lasts at least until the thread was woken.
    let end_ns = now_ns.saturating_sub(ended.sampling_ns).max(ended.wake_ns);
    let wait_ns = end_ns.saturating_sub(ended.start_ns);
    let part_ns = match ended.wake_ns {
        0 => 0,
        wake_ns => end_ns.saturating_sub(wake_ns.max(ended.start_ns)),
    };
    ended.infer_outcome();
    let acquired = ended.outcome == Outcome::ACQUIRED;
    block.learn(wait_ns, part_ns);
    block.close();
    block.call_ns += now_ns - end_ns;
    let call_ns = now_ns.saturating_sub(block.call_ns);
    if wait_ns < MIN_USER_WAIT_NS.load() {
        lost::count(Counter::UserFiltered);
    } else {
        let sleep = Ended {
            lock: ended.lock,
            tgid: ended.tgid,
            kind: ended.kind,
            outcome: ended.outcome,
            tally: if ended.before_ns != 0 && acquired {
                Tally::AGAIN
            } else {
                Tally::FIRST
            },
            wait_ns,
            bucket: bucket(wait_ns),
            part_ns,
        };
        if !totals::add(sleep) {
            lost::count(Counter::UserLostTotals);
        } else if ended.before_ns != 0 {
            totals::add_call(&sleep, ended.before_ns, call_ns);
        }
        block.before_ns = call_ns.max(1);
    }
    if acquired {
        block.resumed_ns = now_ns;
        block.resumed_ran_ns = task::cpu_ns(task);
    } else {
        block.resumed_ns = 0;
    }
    if ended.sample != 0 && !send_end(event::RESUME, tid, &ended, wait_ns, call_ns) {
        lost::count(Counter::UserSampleEndsLost);
    }
}

/// Sends that a wait is over, as one of the kinds of [`event`].
#[inline(always)]
fn send_end(kind: u32, tid: u32, ended: &Block, wait_ns: u64, call_ns: u64) -> bool {
    let Some(to) = events::scratch(Sender::Switch) else {
        return false;
    };
    to.event = Event {
        event: kind,
        sample: ended.sample,
        lock: ended.lock,
        start_ns: ended.start_ns,
        wait_ns,
        call_ns,
        tid,
        tgid: ended.tgid,
        holder: ended.waker,
        kind: ended.kind,
        outcome: ended.outcome,
        ..Event::ZERO
    };
    events::send(to)
}

/// The current thread, or an interrupt on its CPU, wakes a thread.
#[inline(always)]
pub fn wake(task: Task) {
    let Some(waits) = threads::find(task::tid(task)) else {
        return;
    };
    // SAFETY: the slot of the woken thread, in a live map. It sleeps, and the kernel lets
    // one at a time wake it.
    let block = unsafe { &mut *waits.block() };
    let thread = Thread::current();
    let registers = Registers::current();
    if block.start_ns == 0 {
        // It may be about to wait: on its way to sleep it can be woken before its switch away
        // is shown.
        if registers.is_some_and(futex::wakes) {
            block.waker = thread.reference();
            leave_call(thread);
        }
        block.wake_ns = WOKEN_EARLY;
        return;
    }
    if block.wake_ns > WOKEN_EARLY {
        return;
    }
    let was_early = block.wake_ns == WOKEN_EARLY;
    let now_ns = now_ns();
    let waking = registers.map_or(Waking::Timeout, |registers| {
        Waking::of(registers, thread, block)
    });
    block.wake_ns = now_ns;
    match waking {
        Waking::Timeout => block.outcome = Outcome::TIMED_OUT,
        Waking::Signal => block.outcome = Outcome::INTERRUPTED,
        Waking::Exit | Waking::Release => {
            block.waker = thread.reference();
            leave_call(thread);
            if !was_early && sampled_when_woken(block) && thread.tgid == block.tgid {
                sample_woken(task, thread, block, now_ns);
            }
            if block.sample != 0
                && matches!(waking, Waking::Release)
                && let Some(registers) = registers
            {
                send_wake(registers, thread, block, now_ns);
            }
            // With `--exact` every wait is sampled, and lasts as long as it does with that.
            if block.sample != 0 && !sampler::exact() {
                block.sampling_ns = clock::now_ns().saturating_sub(now_ns);
            }
        }
    }
}

/// The current thread wakes another one: what it waited for itself it got, or gave up.
#[inline(always)]
fn leave_call(thread: Thread) {
    if let Some(waits) = threads::find(thread.tid) {
        // SAFETY: the slot of the current thread, in a live map. An interrupt that wakes another
        // thread runs here, too, and then a call is taken for two.
        unsafe { &mut *waits.block() }.leave_call();
    }
}

/// Draws whether the wait of a thread that is woken is sampled, and takes its stack then: it
/// sleeps, and its memory is that of the current thread.
#[inline(always)]
fn sample_woken(task: Task, waker: Thread, block: &mut Block, now_ns: u64) {
    // What is still to come is the wait for a CPU.
    let so_far_ns = now_ns.saturating_sub(block.start_ns);
    let log = expected_log(so_far_ns, block.cpu_square);
    let Some(shift) = sampler::draw(SampleSource::UserWake, log, now_ns) else {
        return;
    };
    lost::count(Counter::WokenSamples);
    let begin = Begin {
        sample: next_sample(now_ns),
        shift,
        word: block.owner,
    };
    let waiter = Event {
        tid: task::tid(task),
        comm: task::comm(task),
        ..events::of_current(waker)
    };
    if let Some(registers) = Registers::of(task)
        && send_begin(Sender::Waking, registers, waiter, block, begin)
    {
        block.sample = begin.sample;
    } else {
        lost::count(Counter::WokenSamplesLost);
    }
}

#[inline(always)]
fn send_wake(registers: Registers, thread: Thread, block: &Block, now_ns: u64) {
    let Some(to) = events::scratch(Sender::Waking) else {
        return;
    };
    to.event = Event {
        event: event::WAKE,
        sample: block.sample,
        lock: block.lock,
        start_ns: now_ns,
        kind: block.kind,
        ..events::of_current(thread)
    };
    user_stack::copy(registers, to);
    // Without it only the location of the release is unknown.
    let _ = events::send(to);
}
