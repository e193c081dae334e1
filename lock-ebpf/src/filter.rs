//! Whose waits are recorded.

use core::ffi::c_void;

use aya_ebpf::{Global, btf_maps::HashMap, helpers::bpf_probe_read_kernel, macros::btf_map};
use lock_common::{Counter, mode};

use crate::lost;

// Set by the loader before the programs are verified: the verifier knows their values
// and removes the branches that they rule out.

/// Not zero: only the processes in `PROCESS_MODES` are recorded.
#[unsafe(no_mangle)]
static FILTER_BY_PROCESS: Global<u32> = Global::new(0);
/// The process of `lock` itself, which is left out.
#[unsafe(no_mangle)]
static OWN_TGID: Global<u32> = Global::new(0);
/// Offset of `pid` in the running kernel's `struct task_struct`, in bytes.
#[unsafe(no_mangle)]
static TASK_PID_OFFSET: Global<u32> = Global::new(0);
/// Offset of `tgid` in the running kernel's `struct task_struct`, in bytes.
#[unsafe(no_mangle)]
static TASK_TGID_OFFSET: Global<u32> = Global::new(0);

/// Process (tgid) -> one of `lock_common::mode`.
#[btf_map]
static PROCESS_MODES: HashMap<u32, u32, 16384> = HashMap::new();

/// The current thread and its process, as the initial pid namespace numbers them.
#[derive(Clone, Copy)]
pub struct Thread {
    pub tgid: u32,
    pub tid: u32,
}

impl Thread {
    #[inline(always)] // One helper call.
    pub fn current() -> Self {
        let both = aya_ebpf::helpers::bpf_get_current_pid_tgid();
        Self {
            tgid: (both >> 32) as u32,
            tid: both as u32,
        }
    }
}

/// Whether the waits of a process are recorded.
#[inline(always)] // The verifier reduces it to one of its branches.
pub fn records(tgid: u32) -> bool {
    if FILTER_BY_PROCESS.load() == 0 {
        return tgid != OWN_TGID.load();
    }
    mode_of(tgid) == Some(mode::RECORD)
}

/// A task was forked by the current one: if it is a process of its own, it is recorded
/// just when its parent is in the filter.
#[inline(always)] // Its one caller is the program itself.
pub fn follow(child: *const c_void) {
    let Some(tgid) = read_u32(child, TASK_TGID_OFFSET.load()) else {
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
pub fn forget(task: *const c_void) {
    if let (Some(pid), Some(tgid)) = (
        read_u32(task, TASK_PID_OFFSET.load()),
        read_u32(task, TASK_TGID_OFFSET.load()),
    ) && pid == tgid
    {
        let _ = PROCESS_MODES.remove(tgid);
    }
}

#[inline(always)] // One helper call.
fn mode_of(tgid: u32) -> Option<u32> {
    // SAFETY: the value is copied at once; a racing change gives the old or the new one.
    unsafe { PROCESS_MODES.get(tgid) }.copied()
}

#[inline(always)] // One helper call.
fn read_u32(base: *const c_void, offset: u32) -> Option<u32> {
    let field = base.wrapping_byte_add(offset as usize).cast::<u32>();
    // SAFETY: the helper checks the address; a bad one gives an error.
    unsafe { bpf_probe_read_kernel(field) }.ok()
}
