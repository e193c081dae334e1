//! Open waits, from their begin to their end.
//!
//! A spinning wait is on a place of its CPU: the spinner cannot leave it. A wait that
//! may sleep has an entry by thread and lock, as waits for several locks can be open in
//! one thread.
//!
//! Begin and end can interrupt each other on one CPU, never themselves. So only `begin`
//! turns a free place into a taken one, with the lock's address as the last write, and
//! only `end` frees the place of a live wait: neither needs an atomic instruction.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{
    btf_maps::{HashMap, PerCpuArray},
    macros::btf_map,
};
use lock_common::{Counter, SPINS_PER_CPU, Spins, Wait, WaitKey, flag};

use crate::lost;

/// (lock, thread) -> the wait, for locks whose waiters may sleep.
#[btf_map]
static THREAD_WAITS: HashMap<WaitKey, Wait, 16384> = HashMap::new();

/// 0 -> the spinning waits of this CPU.
#[btf_map]
static CPU_SPINS: PerCpuArray<Spins, 1> = PerCpuArray::new();

/// `E2BIG` of the kernel's `uapi/asm-generic/errno-base.h`: the map is full.
const E2BIG: i32 = 7;

/// A free place for a spinning wait.
pub struct SpinPlace {
    spins: *mut Spins,
    index: usize,
}

impl SpinPlace {
    /// Finds a place on this CPU. Waits that must have ended are cleared and counted: a
    /// spinner of another thread has left the CPU, and a thread cannot wait for a lock
    /// twice at once.
    #[inline(always)] // Its one caller is the program itself.
    pub fn find(lock: u64, tid: u32) -> Option<Self> {
        let spins = CPU_SPINS.get_ptr_mut(0)?;
        let mut free = SPINS_PER_CPU;
        for index in 0..SPINS_PER_CPU {
            // SAFETY: index < SPINS_PER_CPU, in a live value of this CPU.
            let (place, owner) = unsafe {
                (
                    &raw mut (*spins).locks[index],
                    read_volatile(&raw const (*spins).tids[index]),
                )
            };
            // SAFETY: as above.
            let taken = unsafe { read_volatile(place) };
            if taken != 0 {
                if owner == tid && taken != lock {
                    continue;
                }
                lost::count(Counter::LostEnd);
                // SAFETY: as above.
                unsafe { write_volatile(place, 0) };
            }
            if free == SPINS_PER_CPU {
                free = index;
            }
        }
        (free < SPINS_PER_CPU).then_some(Self { spins, index: free })
    }

    /// Opens the wait.
    #[inline(always)] // Its one caller is the program itself.
    pub fn open(self, lock: u64, tid: u32, wait: Wait) {
        let Self { spins, index } = self;
        if index >= SPINS_PER_CPU {
            return; // Never: said again where the verifier looks for it.
        }
        // SAFETY: index < SPINS_PER_CPU, in a live value of this CPU. Volatile keeps the
        // order: the place is taken once the rest is there.
        unsafe {
            write_volatile(&raw mut (*spins).tids[index], tid);
            write_volatile(&raw mut (*spins).waits[index], wait);
            write_volatile(&raw mut (*spins).locks[index], lock);
        }
    }
}

/// Ends the spinning wait of this thread for this lock, if one is open on this CPU.
#[inline(always)] // Its one caller is the program itself.
pub fn end_spin(lock: u64, tid: u32) -> Option<Wait> {
    let spins = CPU_SPINS.get_ptr_mut(0)?;
    for index in 0..SPINS_PER_CPU {
        // SAFETY: index < SPINS_PER_CPU, in a live value of this CPU.
        unsafe {
            let place = &raw mut (*spins).locks[index];
            if read_volatile(place) == lock && read_volatile(&raw const (*spins).tids[index]) == tid
            {
                let wait = read_volatile(&raw const (*spins).waits[index]);
                write_volatile(place, 0);
                return Some(wait);
            }
        }
    }
    None
}

/// Whether this begin repeats that of an open wait. A mutex's waiter alternates between
/// spinning and sleeping; any other begin for an open wait means that the wait is over
/// and its end was not seen, which is counted.
#[inline(always)] // Its one caller is the program itself.
pub fn repeats(key: WaitKey, flags: u32) -> bool {
    let Some(wait) = THREAD_WAITS.get_ptr_mut(key) else {
        return false;
    };
    // SAFETY: a live entry, which only its own thread touches.
    let wait = unsafe { &mut *wait };
    if wait.start_ns == 0 {
        return false;
    }
    if wait.flags ^ flags == flag::SPIN && flags & flag::MUTEX != 0 {
        wait.flags = flags;
        return true;
    }
    wait.start_ns = 0;
    lost::count(Counter::LostEnd);
    false
}

/// Opens a wait that may sleep, or counts why it could not be kept.
#[inline(always)] // Its one caller is the program itself.
pub fn open(key: WaitKey, wait: Wait) {
    if let Err(error) = THREAD_WAITS.insert(key, wait, 0) {
        lost::count(match -error {
            E2BIG => Counter::LostMapFull,
            _ => Counter::LostMapBusy,
        });
    }
}

/// Ends the wait of a thread for a lock, if one is open.
#[inline(always)] // Its one caller is the program itself.
pub fn end(key: WaitKey) -> Option<Wait> {
    let entry = THREAD_WAITS.get_ptr_mut(key)?;
    // SAFETY: a live entry, which only its own thread touches.
    let wait = unsafe { *entry };
    if wait.start_ns == 0 {
        return None;
    }
    // An entry that cannot be removed just now still says that its wait is over.
    // SAFETY: as above.
    unsafe { (*entry).start_ns = 0 };
    let _ = THREAD_WAITS.remove(key);
    Some(wait)
}
