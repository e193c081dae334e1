//! Open spinning waits. The spinner cannot leave its CPU, so that each has a slot there.
//!
//! Begin and end can interrupt each other on one CPU, never themselves. So only `begin`
//! turns a free slot into a taken one, with the lock's address as the last write, and
//! only `end` frees the slot of a live wait: neither needs an atomic instruction.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use lock_common::{Counter, SPINS_PER_CPU, Spin, Spins};

use crate::lost;

/// 0 -> the spinning waits of this CPU.
#[btf_map]
static CPU_SPINS: PerCpuArray<Spins, 1> = PerCpuArray::new();

/// A free slot for a spinning wait.
pub struct SpinSlot {
    spins: *mut Spins,
    index: usize,
    /// Whether the thread spins for another lock already.
    pub nested: bool,
}

impl SpinSlot {
    /// Finds a slot on this CPU. Waits that must have ended are cleared and counted: a
    /// spinner of another thread has left the CPU, and a thread cannot wait for a lock
    /// twice at once.
    #[inline(always)]
    pub fn find(lock: u64, tid: u32) -> Option<Self> {
        let spins = CPU_SPINS.get_ptr_mut(0)?;
        let mut free = SPINS_PER_CPU;
        let mut nested = false;
        for index in 0..SPINS_PER_CPU {
            // SAFETY: index < SPINS_PER_CPU, in a live value of this CPU.
            let slot = unsafe { &raw mut (*spins).locks[index] };
            // SAFETY: as above.
            let taken = unsafe { read_volatile(slot) };
            if taken != 0 {
                // SAFETY: as above.
                let owner = unsafe { read_volatile(&raw const (*spins).spins[index].tid) };
                if owner == tid && taken != lock {
                    nested = true;
                    continue;
                }
                lost::count(Counter::KernelLostEnd);
                // SAFETY: as above.
                unsafe { write_volatile(slot, 0) };
            }
            if free == SPINS_PER_CPU {
                free = index;
            }
        }
        (free < SPINS_PER_CPU).then_some(Self {
            spins,
            index: free,
            nested,
        })
    }

    /// Opens the wait.
    #[inline(always)]
    pub fn open(self, lock: u64, spin: Spin) {
        let Self { spins, index, .. } = self;
        if index >= SPINS_PER_CPU {
            return; // Never: said again where the verifier looks for it.
        }
        // SAFETY: index < SPINS_PER_CPU, in a live value of this CPU. Volatile keeps the
        // order: the slot is taken once the rest is there.
        unsafe {
            (*spins).begins += 1;
            write_volatile(&raw mut (*spins).spins[index], spin);
            write_volatile(&raw mut (*spins).locks[index], lock);
        }
    }
}

/// Ends the spinning wait of this thread for this lock, if one is open on this CPU.
#[inline(always)]
pub fn end(lock: u64, tid: u32) -> Option<Spin> {
    let spins = CPU_SPINS.get_ptr_mut(0)?;
    for index in 0..SPINS_PER_CPU {
        // SAFETY: index < SPINS_PER_CPU, in a live value of this CPU.
        unsafe {
            let slot = &raw mut (*spins).locks[index];
            if read_volatile(slot) == lock {
                let spin = read_volatile(&raw const (*spins).spins[index]);
                if spin.tid == tid {
                    write_volatile(slot, 0);
                    return Some(spin);
                }
            }
        }
    }
    None
}
