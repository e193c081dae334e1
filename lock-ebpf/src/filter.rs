//! Whose waits are recorded, and for what.

use aya_ebpf::{
    Global,
    btf_maps::HashMap,
    helpers::{bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_smp_processor_id},
    macros::btf_map,
};
use lock_common::{Counter, FilterKey, filter, mode, what};

use crate::{
    lost,
    task::{self, Task, Thread},
};

// Set by the loader before the programs are verified: the verifier knows their values
// and removes the branches that they rule out.

/// What is filtered by: bits of `lock_common::filter`.
#[unsafe(no_mangle)]
static FILTER_BY: Global<u32> = Global::new(0);
/// The process of `lock` itself, which is left out.
#[unsafe(no_mangle)]
static OWN_TGID: Global<u32> = Global::new(0);

/// Process (tgid) -> one of `lock_common::mode`.
#[btf_map]
static PROCESS_MODES: HashMap<u32, u32, 16384> = HashMap::new();

/// What else is let through -> 1.
#[btf_map]
static FILTER_VALUES: HashMap<FilterKey, u32, 1024> = HashMap::new();

/// Whether a wait of the current thread is recorded.
#[inline(always)] // The verifier reduces it to what is asked for.
pub fn lets_through(thread: Thread, lock: u64, what: u32) -> bool {
    let by = FILTER_BY.load();
    if by == 0 {
        return thread.tgid != OWN_TGID.load();
    }
    if by & filter::PROCESS != 0 {
        if mode_of(thread.tgid) != Some(mode::RECORD) {
            return false;
        }
    } else if thread.tgid == OWN_TGID.load() {
        return false;
    }
    if by & filter::TID != 0 && !has(filter::TID, thread.tid.into()) {
        return false;
    }
    if by & filter::TYPE != 0 {
        let class = if what & what::USER != 0 {
            what::USER
        } else {
            what
        };
        if !has(filter::TYPE, class.into()) {
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

#[inline(always)] // Its one caller is inlined.
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

#[inline(always)] // One helper call.
fn has(by: u32, value: u64) -> bool {
    has_both(by, [value, 0])
}

#[inline(always)] // One helper call.
fn has_both(by: u32, value: [u64; 2]) -> bool {
    let key = FilterKey {
        by: by.into(),
        value,
    };
    FILTER_VALUES.get_ptr(key).is_some()
}

/// A task was forked by the current one: if it is a process of its own, it is recorded
/// just when its parent is in the filter.
#[inline(always)] // Its one caller is the program itself.
pub fn follow(child: Task) {
    let Some(tgid) = task::read_tgid(child) else {
        return;
    };
    let parent = Thread::current().tgid;
    if tgid == parent {
        return; // A thread.
    }
    if mode_of(parent).is_none() {
        // The number may have been that of a process that is no more.
        let _ = PROCESS_MODES.remove(tgid);
    } else if PROCESS_MODES.insert(tgid, mode::RECORD, 0).is_err() {
        lost::count(Counter::ChildrenNotFollowed);
    }
}

/// A task is no more: if it led its process, the process is none either.
#[inline(always)] // Its one caller is the program itself.
pub fn forget(task: Task) {
    if FILTER_BY.load() & filter::PROCESS == 0 {
        return;
    }
    if let (Some(tid), Some(tgid)) = (task::read_tid(task), task::read_tgid(task))
        && tid == tgid
    {
        let _ = PROCESS_MODES.remove(tgid);
    }
}

#[inline(always)] // One helper call.
fn mode_of(tgid: u32) -> Option<u32> {
    // SAFETY: the value is copied at once; a racing change gives the old or the new one.
    unsafe { PROCESS_MODES.get(tgid) }.copied()
}
