//! Open waits of threads that may sleep, in the kernel and in user space.
//!
//! A thread keeps its slot from its first wait to its end. So a begin and an end find it
//! with one look at each of two arrays, and write to no cache line but the thread's own: a hash
//! table would take a lock of a bucket for each of them.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    Global,
    bindings::BPF_NOEXIST,
    btf_maps::{Array, HashMap},
    macros::btf_map,
};
use lock_common::{
    Block, Counter, Outcome, SLEEPS_PER_THREAD, Sleep, ThreadIds, ThreadRef, ThreadSet,
    ThreadWaits, WAYS, flag, mean_square,
};

use crate::{
    lost,
    task::{self, Task},
};

/// Lower bits of a thread's number -> the threads that have them. Apart from their waits: most
/// threads that switch, or spin for a lock, have none, and this is small enough to stay in a
/// CPU's cache.
#[btf_map]
static TIDS: Array<ThreadIds, 4096> = Array::new();

/// The same -> their waits.
#[btf_map]
static THREADS: Array<ThreadSet, 4096> = Array::new();

/// One less than how many sets there are, a power of two. Set by the loader.
#[unsafe(no_mangle)]
static THREAD_SET_MASK: Global<u32> = Global::new(4095);

/// Number of a slot -> the thread that has it. To insert here is what makes a slot one
/// thread's: rustc has no compare-and-exchange for this target.
#[btf_map]
static SLOTS: HashMap<u32, u32, 16384> = HashMap::new();

/// The waits of one thread, which only events of this thread change, and its waker.
#[derive(Clone, Copy)]
pub struct Waits(*mut ThreadWaits);

/// What a begin of a sleeping wait is.
pub enum Begin {
    /// A wait of its own. Whether the thread had another one open.
    New { slot: SleepSlot, nested: bool },
    /// The same wait again, in its other phase.
    Repeat,
    /// Too many are open.
    Full,
}

/// A free slot for a sleeping wait.
pub struct SleepSlot {
    waits: *mut ThreadWaits,
    slot: *mut Sleep,
}

/// The slot of a thread, if it has one.
#[inline(always)]
pub fn find(tid: u32) -> Option<Waits> {
    if tid == 0 {
        return None; // The idle task, of which each CPU has one with this number.
    }
    let number = tid & THREAD_SET_MASK.load();
    let ids = TIDS.get_ptr_mut(number)?;
    for way in 0..WAYS {
        // SAFETY: way < WAYS, in a live value.
        if unsafe { read_volatile(&raw const (*ids).tids[way]) } == tid {
            return waits_at(number, way);
        }
    }
    None
}

#[inline(always)]
fn waits_at(number: u32, way: usize) -> Option<Waits> {
    let set = THREADS.get_ptr_mut(number)?;
    // SAFETY: way < WAYS, in a live value.
    Some(Waits(unsafe { &raw mut (*set).waits[way] }))
}

/// The slot of a thread, which gets one if there is one left.
#[inline(always)]
pub fn claim(tid: u32) -> Option<Waits> {
    if let Some(waits) = find(tid) {
        return Some(waits);
    }
    let number = tid & THREAD_SET_MASK.load();
    let ids = TIDS.get_ptr_mut(number)?;
    for way in 0..WAYS {
        // SAFETY: way < WAYS, in a live value.
        let holder = unsafe { &raw mut (*ids).tids[way] };
        let slot = number * WAYS as u32 + way as u32;
        // SAFETY: as above.
        if unsafe { read_volatile(holder) } == 0
            && SLOTS.insert(slot, tid, BPF_NOEXIST.into()).is_ok()
        {
            // SAFETY: as above; the slot is this thread's.
            unsafe { write_volatile(holder, tid) };
            return waits_at(number, way);
        }
    }
    None
}

/// A task is gone: its slot is free. Waits that are still open have an end that was not seen.
#[inline(always)]
pub fn forget(task: Task) {
    let Some(tid) = task::read_tid(task) else {
        return;
    };
    let number = tid & THREAD_SET_MASK.load();
    let Some(ids) = TIDS.get_ptr_mut(number) else {
        return;
    };
    for way in 0..WAYS {
        // SAFETY: way < WAYS, in a live value.
        let holder = unsafe { &raw mut (*ids).tids[way] };
        // SAFETY: as above.
        if unsafe { read_volatile(holder) } != tid {
            continue;
        }
        if let Some(waits) = waits_at(number, way) {
            waits.clear();
        }
        // SAFETY: as above. The thread is gone, so that nobody else writes here.
        unsafe { write_volatile(holder, 0) };
        let _ = SLOTS.remove(number * WAYS as u32 + way as u32);
        return;
    }
}

impl Waits {
    /// Forgets the waits of a thread that is gone.
    #[inline(always)]
    fn clear(self) {
        // SAFETY: a live value, which only events of this thread change, and it is gone.
        let ThreadWaits {
            sleeping,
            block,
            sleeps,
        } = unsafe { &mut *self.0 };
        *sleeping = 0;
        if block.start_ns != 0 {
            lost::count(Counter::LostUserThreadGone);
        }
        block.close();
        block.leave_call();
        block.wait_square = 0;
        block.cpu_square = 0;
        for sleep in sleeps {
            if sleep.lock != 0 {
                lost::count(Counter::LostKernelThreadGone);
            }
            sleep.lock = 0;
        }
    }

    /// The thread's wait for a user lock; one with `start_ns` zero if there is none.
    pub fn block(self) -> *mut Block {
        // SAFETY: within a live value.
        unsafe { &raw mut (*self.0).block }
    }

    /// Whether the thread has a sleeping wait for a kernel lock open.
    #[inline(always)]
    pub fn sleeps(self) -> bool {
        // SAFETY: within a live value.
        unsafe { (*self.0).sleeping != 0 }
    }

    /// Takes a begin. A mutex's waiter alternates between spinning and sleeping; any other
    /// begin for an open wait means that the wait is over and its end was not seen, which is
    /// counted.
    #[inline(always)]
    pub fn begin(self, lock: u64, flags: u32, now_ns: u64) -> Begin {
        let mut free = None;
        let mut nested = false;
        for index in 0..SLEEPS_PER_THREAD {
            // SAFETY: index < SLEEPS_PER_THREAD, in a live value that only this thread
            // changes.
            let sleep = unsafe { &raw mut (*self.0).sleeps[index] };
            // SAFETY: as above.
            let slot = unsafe { &mut *sleep };
            if slot.lock == lock {
                if slot.flags ^ flags == flag::SPIN && flags & flag::MUTEX != 0 {
                    slot.turn(now_ns);
                    slot.flags = flags;
                    return Begin::Repeat;
                }
                lost::count(Counter::KernelLostEnd);
                slot.lock = 0;
                // SAFETY: as above.
                unsafe { (*self.0).sleeping -= 1 };
            }
            if slot.lock != 0 {
                nested = true;
            } else if free.is_none() {
                free = Some(SleepSlot {
                    waits: self.0,
                    slot: sleep,
                });
            }
        }
        match free {
            Some(slot) => Begin::New { slot, nested },
            None => Begin::Full,
        }
    }

    /// Ends the sleeping wait for a lock, if one is open.
    #[inline(always)]
    pub fn end(self, lock: u64, now_ns: u64) -> Option<Sleep> {
        for index in 0..SLEEPS_PER_THREAD {
            // SAFETY: index < SLEEPS_PER_THREAD, in a live value that only this thread
            // changes.
            let slot = unsafe { &mut (*self.0).sleeps[index] };
            if slot.lock == lock {
                slot.turn(now_ns);
                let sleep = *slot;
                slot.lock = 0;
                // SAFETY: as above.
                unsafe { (*self.0).sleeping -= 1 };
                return Some(sleep);
            }
        }
        None
    }
}

impl SleepSlot {
    /// Opens the wait.
    #[inline(always)]
    pub fn open(self, sleep: Sleep) {
        // SAFETY: a slot in a live value that only this thread changes.
        unsafe {
            *self.slot = sleep;
            (*self.waits).sleeping += 1;
        }
    }
}

/// What becomes of a wait that is over.
pub trait BlockExt {
    /// What woke a wait with a timeout unseen was the timer: its interrupt can hit a thread
    /// that the kernel does not show.
    fn infer_outcome(&mut self);
    /// What the length of a wait, and its part as a wait for a CPU, let expect of the next.
    fn learn(&mut self, wait_ns: u64, cpu_ns: u64);
    /// Makes the slot ready for the thread's next wait.
    fn close(&mut self);
    /// The thread is in another call than that of its latest wait.
    fn leave_call(&mut self);
}

impl BlockExt for Block {
    #[inline(always)]
    fn infer_outcome(&mut self) {
        if self.wake_ns == 0 && self.has_timeout != 0 {
            self.outcome = Outcome::TIMED_OUT;
        }
    }

    #[inline(always)]
    fn learn(&mut self, wait_ns: u64, cpu_ns: u64) {
        self.wait_square = mean_square(self.wait_square, wait_ns);
        self.cpu_square = mean_square(self.cpu_square, cpu_ns);
    }

    #[inline(always)]
    fn close(&mut self) {
        self.start_ns = 0;
        self.wake_ns = 0;
        self.waker = ThreadRef::NONE;
    }

    #[inline(always)]
    fn leave_call(&mut self) {
        self.resumed_ns = 0;
    }
}

/// What a sleeping wait does when its phase ends.
trait Turn {
    /// Adds the time of a spinning phase.
    fn turn(&mut self, now_ns: u64);
}

impl Turn for Sleep {
    #[inline(always)]
    fn turn(&mut self, now_ns: u64) {
        if self.flags & flag::SPIN != 0 {
            self.spin_ns += now_ns.saturating_sub(self.phase_ns);
        }
        self.phase_ns = now_ns;
    }
}
