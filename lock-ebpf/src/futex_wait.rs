//! Waits for user locks: threads that the scheduler switches out within a futex system call,
//! what wakes them, and when they run again.
//!
//! A futex call that does not block costs nothing here, unlike with tracepoints of system
//! calls, which slow down every system call of every process.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    Global,
    helpers::{bpf_get_smp_processor_id, bpf_probe_read_user},
};
use lock_common::{
    Block, Counter, Event, WOKEN_EARLY, bucket, event, expected_log, outcome, value_class, what,
};

use crate::{
    clock::now_ns,
    events::{self, Sender},
    filter, lost,
    sampler::{self, Who},
    task::{self, Register, Registers, Task, Thread},
    threads::{self, Over as _},
    totals::{self, Ended},
    user_stack,
};

/// Waits shorter than this, in nanoseconds, are left out. Set by the loader.
#[unsafe(no_mangle)]
static MIN_USER_WAIT_NS: Global<u64> = Global::new(0);

/// Numbers of system calls: the kernel's `arch/x86/entry/syscalls/syscall_64.tbl`.
mod call {
    pub(super) const KILL: u64 = 62;
    pub(super) const RT_SIGQUEUEINFO: u64 = 129;
    pub(super) const TKILL: u64 = 200;
    pub(super) const FUTEX: u64 = 202;
    pub(super) const EXIT_GROUP: u64 = 231;
    pub(super) const TGKILL: u64 = 234;
    pub(super) const RT_TGSIGQUEUEINFO: u64 = 297;
    pub(super) const FUTEX_WAITV: u64 = 449;
    pub(super) const FUTEX_WAKE: u64 = 454;
    pub(super) const FUTEX_WAIT: u64 = 455;
    pub(super) const FUTEX_REQUEUE: u64 = 456;
}

/// Futex commands and flags: the kernel's `include/uapi/linux/futex.h`.
mod futex {
    pub(super) const WAIT: u64 = 0;
    pub(super) const WAKE: u64 = 1;
    pub(super) const REQUEUE: u64 = 3;
    pub(super) const CMP_REQUEUE: u64 = 4;
    pub(super) const WAKE_OP: u64 = 5;
    pub(super) const LOCK_PI: u64 = 6;
    pub(super) const UNLOCK_PI: u64 = 7;
    pub(super) const WAIT_BITSET: u64 = 9;
    pub(super) const WAKE_BITSET: u64 = 10;
    pub(super) const WAIT_REQUEUE_PI: u64 = 11;
    pub(super) const CMP_REQUEUE_PI: u64 = 12;
    pub(super) const LOCK_PI2: u64 = 13;
    pub(super) const COMMAND: u64 = 0x7f;
    pub(super) const PRIVATE: u64 = 128;
    pub(super) const REALTIME: u64 = 256;
    /// `FUTEX2_PRIVATE`, the same bit in the calls from Linux 5.16 and 6.7.
    pub(super) const PRIVATE2: u64 = 128;
}

/// What a thread waits for.
#[derive(Clone, Copy)]
struct Futex {
    address: u64,
    /// One of `lock_common::what`.
    what: u32,
    has_timeout: bool,
}

/// The futex that a thread waits for, if that is what its registers say.
#[inline(always)] // On the path of each switch of tasks.
fn waited_for(registers: Registers) -> Option<Futex> {
    match registers.get(Register::OrigAx) {
        call::FUTEX => {
            let operation = registers.get(Register::Si);
            let command = operation & futex::COMMAND;
            if !matches!(
                command,
                futex::WAIT
                    | futex::WAIT_BITSET
                    | futex::LOCK_PI
                    | futex::LOCK_PI2
                    | futex::WAIT_REQUEUE_PI
            ) {
                return None;
            }
            let value = registers.get(Register::Dx) as u32;
            let mut what = what::USER | command as u32 | value_class(value) << what::VALUE_SHIFT;
            if operation & futex::PRIVATE != 0 {
                what |= what::PRIVATE;
            }
            if operation & futex::REALTIME != 0 {
                what |= what::REALTIME;
            }
            Some(Futex {
                address: registers.get(Register::Di),
                what,
                has_timeout: registers.get(Register::R10) != 0,
            })
        }
        call::FUTEX_WAITV => waited_for_first(registers),
        call::FUTEX_WAIT => {
            let value = registers.get(Register::Si) as u32;
            let mut what = what::USER | what::FUTEX2_WAIT | value_class(value) << what::VALUE_SHIFT;
            if registers.get(Register::R10) & futex::PRIVATE2 != 0 {
                what |= what::PRIVATE;
            }
            Some(Futex {
                address: registers.get(Register::Di),
                what,
                // The timeout is the fifth argument, which has no other use.
                has_timeout: registers.get(Register::R8) != 0,
            })
        }
        _ => None,
    }
}

/// The first of the futexes that `futex_waitv` waits for.
#[inline(always)] // Its one caller is inlined.
fn waited_for_first(registers: Registers) -> Option<Futex> {
    /// `struct futex_waitv`: value, address, flags and reserved.
    type Waiter = [u64; 3];
    let waiters = registers.get(Register::Di) as *const Waiter;
    // SAFETY: the helper checks the address.
    let [value, address, flags] = unsafe { bpf_probe_read_user(waiters) }.ok()?;
    let value = value as u32;
    let mut what = what::USER | what::WAITV | value_class(value) << what::VALUE_SHIFT;
    if flags & futex::PRIVATE2 != 0 {
        what |= what::PRIVATE;
    }
    Some(Futex {
        address,
        what,
        has_timeout: registers.get(Register::R10) != 0,
    })
}

/// The current thread leaves its CPU. It ran until now: a wait of it that is still open was
/// over before, when the switch back to it was not shown. Some kernels do not show the
/// switches away from certain threads.
#[inline(always)] // Its one caller is the program itself.
pub fn leave(task: Task) {
    let tid = task::tid(task);
    let Some(waits) = threads::find(tid) else {
        return;
    };
    // SAFETY: the place of this thread, in a live map.
    let block = unsafe { &mut *waits.block() };
    if block.start_ns == 0 {
        return;
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
    if wait_ns < MIN_USER_WAIT_NS.load() {
        lost::count(Counter::UserFiltered);
    } else if !send_end(event::UNSEEN, tid, &ended, wait_ns) {
        lost::count(Counter::UserLostEnd);
    }
}

/// The current thread leaves its CPU and sleeps.
#[inline(always)] // Its one caller is the program itself.
pub fn block(task: Task) {
    let Some(registers) = Registers::of(task) else {
        return;
    };
    let Some(futex) = waited_for(registers) else {
        return;
    };
    if task::is_kernel_thread(task) {
        return; // It has no registers of a system call.
    }
    let thread = Thread::current();
    if !filter::lets_through(thread, futex.address, futex.what) {
        return;
    }
    let now_ns = now_ns();
    lost::count(Counter::UserBegins);
    let Some(waits) = threads::claim(thread.tid) else {
        lost::count(Counter::UserLostTableFull);
        return;
    };
    // SAFETY: the place of this thread, in a live map.
    let block = unsafe { &mut *waits.block() };
    block.address = futex.address;
    block.what = futex.what;
    block.tgid = thread.tgid;
    block.has_timeout = futex.has_timeout.into();
    block.outcome = outcome::ACQUIRED;
    block.sample = 0;
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
    let Some(shift) = sampler::draw(Who::UserBegin, log, now_ns) else {
        return;
    };
    lost::count(Counter::UserSamples);
    // Bytes 8 to 11 of glibc's pthread_mutex_t are its owner's number; in a mutex with
    // priority inheritance it is the futex's word itself.
    // SAFETY: the helper checks the address.
    let [word, _, owner] =
        unsafe { bpf_probe_read_user(futex.address as *const [u32; 3]) }.unwrap_or_default();
    let begin = Begin {
        sample: sample_number(now_ns),
        shift,
        word: if is_pi(futex.what) { word } else { owner },
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

/// Whether a wait is sampled when its thread is woken: by then its length is known, so that
/// the chance need not go by what is expected. Only a thread of the same process can read the
/// waiting one's stack, and a wait that may end by its timeout may have no such waker.
#[inline(always)] // Some comparisons.
fn sampled_when_woken(block: &Block) -> bool {
    !sampler::exact() && block.what & what::PRIVATE != 0 && block.has_timeout == 0
}

#[inline(always)] // Some comparisons.
fn is_pi(what: u32) -> bool {
    let command = u64::from(what & what::COMMAND);
    command == futex::LOCK_PI || command == futex::LOCK_PI2
}

/// A number that no other sample has: two CPUs can have the same time, one CPU cannot.
#[inline(always)] // Two instructions and a helper call.
fn sample_number(now_ns: u64) -> u64 {
    // SAFETY: the helper has no preconditions.
    let cpu = u64::from(unsafe { bpf_get_smp_processor_id() });
    now_ns << 12 | cpu & 0xfff | 1 << 63
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
#[inline(always)] // Once in each program that samples waits for user locks.
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
        lock: block.address,
        start_ns: block.start_ns,
        what: block.what,
        word: begin.word,
        ..waiter
    };
    user_stack::copy(registers, to);
    events::send(to)
}

/// A thread gets a CPU. If it waited for a user lock, that is over.
#[inline(always)] // Its one caller is the program itself.
pub fn resume(task: Task) {
    let tid = task::tid(task);
    let Some(waits) = threads::find(tid) else {
        return;
    };
    // SAFETY: the place of this thread, in a live map.
    let block = unsafe { &mut *waits.block() };
    if block.start_ns == 0 {
        // Not that of its next wait.
        if block.wake_ns != 0 {
            block.wake_ns = 0;
            block.waker = 0;
        }
        return;
    }
    let now_ns = now_ns();
    let mut ended = *block;
    let wait_ns = now_ns.saturating_sub(ended.start_ns);
    let part_ns = match ended.wake_ns {
        0 => 0,
        wake_ns => now_ns.saturating_sub(wake_ns.max(ended.start_ns)),
    };
    ended.infer_outcome();
    block.learn(wait_ns, part_ns);
    block.close();
    if wait_ns < MIN_USER_WAIT_NS.load() {
        lost::count(Counter::UserFiltered);
    } else if !totals::add(Ended {
        lock: ended.address,
        tgid: ended.tgid,
        what: ended.what,
        outcome: ended.outcome,
        wait_ns,
        bucket: bucket(wait_ns),
        part_ns,
    }) {
        lost::count(Counter::UserLostTotals);
    }
    if ended.sample != 0 && !send_end(event::RESUME, tid, &ended, wait_ns) {
        lost::count(Counter::UserSampleEndsLost);
    }
}

/// Sends that a wait is over, as one of the kinds of [`event`].
#[inline(always)] // Its callers are the program itself.
fn send_end(kind: u32, tid: u32, ended: &Block, wait_ns: u64) -> bool {
    let Some(to) = events::scratch(Sender::Switch) else {
        return false;
    };
    to.event = Event {
        event: kind,
        sample: ended.sample,
        lock: ended.address,
        start_ns: ended.start_ns,
        wait_ns,
        tid,
        tgid: ended.tgid,
        holder: ended.waker,
        what: ended.what,
        outcome: ended.outcome,
        ..Event::ZERO
    };
    events::send(to)
}

/// How a thread is woken.
enum Waking {
    /// By a thread that released what it waits for.
    Release,
    /// By the end of a thread.
    Exit,
    /// By its timeout.
    Timeout,
    /// By a signal.
    Signal,
}

/// The current thread, or an interrupt on its CPU, wakes a thread.
#[inline(always)] // Its one caller is the program itself.
pub fn wake(task: Task) {
    let Some(waits) = threads::find(task::tid(task)) else {
        return;
    };
    // SAFETY: the place of the woken thread, in a live map. It sleeps, and the kernel lets
    // one at a time wake it.
    let block = unsafe { &mut *waits.block() };
    let thread = Thread::current();
    let registers = Registers::current();
    if block.start_ns == 0 {
        // It may be about to wait: on its way to sleep it can be woken before its switch away
        // is shown.
        if registers.is_some_and(wakes_for_futex) {
            block.waker = thread.packed();
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
        waking(registers, thread, block)
    });
    block.wake_ns = now_ns;
    match waking {
        Waking::Timeout => block.outcome = outcome::TIMED_OUT,
        Waking::Signal => block.outcome = outcome::INTERRUPTED,
        Waking::Exit | Waking::Release => {
            block.waker = thread.packed();
            if !was_early && sampled_when_woken(block) && thread.tgid == block.tgid {
                sample_woken(task, thread, block, now_ns);
            }
            if block.sample != 0
                && matches!(waking, Waking::Release)
                && let Some(registers) = registers
            {
                send_wake(registers, thread, block, now_ns);
            }
        }
    }
}

/// Draws whether the wait of a thread that is woken is sampled, and takes its stack then: it
/// sleeps, and its memory is that of the current thread.
#[inline(always)] // Its one caller is the program itself.
fn sample_woken(task: Task, waker: Thread, block: &mut Block, now_ns: u64) {
    // What is still to come is the wait for a CPU.
    let so_far_ns = now_ns.saturating_sub(block.start_ns);
    let log = expected_log(so_far_ns, block.cpu_square);
    let Some(shift) = sampler::draw(Who::UserWake, log, now_ns) else {
        return;
    };
    lost::count(Counter::WokenSamples);
    let begin = Begin {
        sample: sample_number(now_ns),
        shift,
        // By now it is another thread's.
        word: 0,
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

/// Whether a thread with these registers is in a system call that wakes those who wait for a
/// futex.
#[inline(always)] // Its one caller is the program itself.
fn wakes_for_futex(registers: Registers) -> bool {
    matches!(
        registers.get(Register::OrigAx),
        call::FUTEX | call::FUTEX_WAKE | call::FUTEX_REQUEUE
    )
}

/// What the current thread is doing, as it wakes one that waits.
#[inline(always)] // Its one caller is the program itself.
fn waking(registers: Registers, waker: Thread, block: &Block) -> Waking {
    match registers.get(Register::OrigAx) {
        call::FUTEX => {
            let command = registers.get(Register::Si) & futex::COMMAND;
            let wakes_this = match command {
                // An interrupt can hit a thread that wakes another one.
                futex::WAKE | futex::WAKE_BITSET => {
                    block.what & what::PRIVATE == 0
                        || waker.tgid == block.tgid && registers.get(Register::Di) == block.address
                }
                futex::REQUEUE
                | futex::CMP_REQUEUE
                | futex::WAKE_OP
                | futex::UNLOCK_PI
                | futex::CMP_REQUEUE_PI => {
                    block.what & what::PRIVATE == 0 || waker.tgid == block.tgid
                }
                _ => false,
            };
            if wakes_this {
                return Waking::Release;
            }
        }
        call::FUTEX_WAKE | call::FUTEX_REQUEUE => return Waking::Release,
        call::KILL
        | call::TKILL
        | call::TGKILL
        | call::RT_SIGQUEUEINFO
        | call::RT_TGSIGQUEUEINFO => return Waking::Signal,
        // Where others are killed with it. An interrupt can hit a process that ends, too.
        call::EXIT_GROUP if waker.tgid == block.tgid => return Waking::Signal,
        _ => {}
    }
    let may_end_it =
        waker.tgid == block.tgid || block.what & what::PRIVATE == 0 && block.has_timeout == 0;
    if may_end_it && task::is_exiting(task::current()) {
        Waking::Exit
    } else if block.has_timeout != 0 {
        Waking::Timeout
    } else {
        Waking::Signal
    }
}

#[inline(always)] // Its one caller is the program itself.
fn send_wake(registers: Registers, thread: Thread, block: &Block, now_ns: u64) {
    let Some(to) = events::scratch(Sender::Waking) else {
        return;
    };
    to.event = Event {
        event: event::WAKE,
        sample: block.sample,
        lock: block.address,
        start_ns: now_ns,
        what: block.what,
        ..events::of_current(thread)
    };
    user_stack::copy(registers, to);
    // Without it only the place of the release is not known.
    let _ = events::send(to);
}
