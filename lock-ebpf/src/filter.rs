//! Whose waits are recorded, and for what.

use aya_ebpf::{
    Global,
    btf_maps::{Array, HashMap},
    helpers::{bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_smp_processor_id},
    macros::btf_map,
};
use lock_common::{FilterKey, MAX_PROCESSES, Modes, PROCESSES, WaitKind, filter, mode};

use crate::task::{self, Task, Thread};

// Set by the loader before the programs are verified: the verifier knows their values
// and removes the branches that they rule out.

/// What is filtered by: bits of `lock_common::filter`.
#[unsafe(no_mangle)]
static FILTER_BY: Global<u32> = Global::new(0);
/// The process of `lock` itself, which is left out.
#[unsafe(no_mangle)]
static OWN_TGID: Global<u32> = Global::new(0);

/// Process (tgid) -> one of `lock_common::mode`, for every number that there can be: a hash
/// table costs 100 ns for each begin of a wait, this a look at one cache line, and none can be
/// missed for want of room. Of one element where processes are not filtered by.
#[btf_map]
static PROCESS_MODES: Array<Modes, { MAX_PROCESSES / PROCESSES }> = Array::new();

/// What else is let through -> 1.
#[btf_map]
static FILTER_VALUES: HashMap<FilterKey, u32, 1024> = HashMap::new();

/// Whether a wait of the current thread is recorded.
#[inline(always)] // The verifier reduces it to what is asked for.
pub fn matches(thread: Thread, lock: u64, kind: WaitKind) -> bool {
    let by = FILTER_BY.load();
    if by == 0 {
        return thread.tgid != OWN_TGID.load();
    }
    if by & filter::PROCESS != 0 {
        if mode_of(thread.tgid) != mode::RECORD {
            return false;
        }
    } else if thread.tgid == OWN_TGID.load() {
        return false;
    }
    if by & filter::TID != 0 && !has(filter::TID, thread.tid.into()) {
        return false;
    }
    if by & filter::TYPE != 0 {
        let lock_type = kind.filter_type();
        if !has(filter::TYPE, lock_type.into()) {
            return false;
        }
    }
    if by & filter::ADDRESS != 0 && !has(filter::ADDRESS, lock) {
        return false;
    }
    // SAFETY: the helpers have no preconditions.
    if by & filter::CPU != 0
        && !has(
            filter::CPU,
            u64::from(unsafe { bpf_get_smp_processor_id() }),
        )
    {
        return false;
    }
    // SAFETY: as above.
    if by & filter::CGROUP != 0 && !has(filter::CGROUP, unsafe { bpf_get_current_cgroup_id() }) {
        return false;
    }
    by & filter::COMM == 0 || has_current_name()
}

#[inline(always)]
fn has_current_name() -> bool {
    let Ok(
        [
            a0,
            a1,
            a2,
            a3,
            a4,
            a5,
            a6,
            a7,
            b0,
            b1,
            b2,
            b3,
            b4,
            b5,
            b6,
            b7,
        ],
    ) = bpf_get_current_comm()
    else {
        return false;
    };
    // What the kernel writes behind the name is zero.
    has_both(
        filter::COMM,
        [
            u64::from_ne_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
            u64::from_ne_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
        ],
    )
}

#[inline(always)]
fn has(by: u32, value: u64) -> bool {
    has_both(by, [value, 0])
}

#[inline(always)]
fn has_both(by: u32, value: [u64; 2]) -> bool {
    let key = FilterKey {
        by: by.into(),
        value,
    };
    FILTER_VALUES.get_ptr(key).is_some()
}

/// A task was forked by the current one: if it is a process of its own, it is recorded
/// just when its parent is in the filter.
#[inline(always)]
pub fn follow(child: Task) {
    let Some(tgid) = task::read_tgid(child) else {
        return;
    };
    let parent = Thread::current().tgid;
    if tgid == parent {
        return; // A thread.
    }
    // The number may have been that of a process that is no more.
    let mode = match mode_of(parent) {
        mode::NONE => mode::NONE,
        _ => mode::RECORD,
    };
    set_mode(tgid, mode);
}

/// A task is no more: if it led its process, the process is none either.
#[inline(always)]
pub fn forget(task: Task) {
    if FILTER_BY.load() & filter::PROCESS == 0 {
        return;
    }
    if let (Some(tid), Some(tgid)) = (task::read_tid(task), task::read_tgid(task))
        && tid == tgid
    {
        set_mode(tgid, mode::NONE);
    }
}

#[inline(always)]
fn mode_slot(tgid: u32) -> Option<*mut u8> {
    let modes = PROCESS_MODES.get_ptr_mut(tgid / PROCESSES as u32)?;
    // SAFETY: an index below PROCESSES, in a live value.
    Some(unsafe { &raw mut (*modes).modes[tgid as usize % PROCESSES] })
}

#[inline(always)]
fn mode_of(tgid: u32) -> u8 {
    // SAFETY: a byte of a live value.
    mode_slot(tgid).map_or(mode::NONE, |slot| unsafe { slot.read_volatile() })
}

#[inline(always)]
fn set_mode(tgid: u32, mode: u8) {
    if let Some(slot) = mode_slot(tgid) {
        // SAFETY: a byte of a live value.
        unsafe { slot.write_volatile(mode) };
    }
}
