//! Who has a kernel lock.

use core::ffi::c_void;

use aya_ebpf::{Global, btf_maps::LruHashMap, helpers::bpf_probe_read_kernel, macros::btf_map};
use lock_common::{Release, ThreadRef, flag};

use crate::task;

/// Stands for a field that this kernel does not have.
const NO_FIELD: u32 = u32::MAX;

// Offsets of `owner`, in bytes. Set by the loader.
#[unsafe(no_mangle)]
static MUTEX_OWNER_OFFSET: Global<u32> = Global::new(NO_FIELD);
#[unsafe(no_mangle)]
static RWSEM_OWNER_OFFSET: Global<u32> = Global::new(NO_FIELD);

/// Flags in a mutex's owner (`MUTEX_FLAGS` of the kernel's `kernel/locking/mutex.h`) and in a
/// rwsem's (`RWSEM_READER_OWNED`, `RWSEM_NONSPINNABLE` of `kernel/locking/rwsem.c`).
const FLAGS: u64 = 7;
const READER_OWNED: u64 = 1;

/// Lock -> who released it last, of contended ones.
#[btf_map]
static RELEASES: LruHashMap<u64, Release, 8192> = LruHashMap::new();

/// The holder of a mutex, or of an rwsem as its writer, if it can be told.
#[inline(always)]
pub fn of(lock: u64, flags: u32) -> ThreadRef {
    let (offset, is_rwsem) = if flags & flag::MUTEX != 0 {
        (MUTEX_OWNER_OFFSET.load(), false)
    } else if flags == flag::READ || flags == flag::WRITE {
        (RWSEM_OWNER_OFFSET.load(), true)
    } else {
        return ThreadRef::NONE;
    };
    if offset == NO_FIELD {
        return ThreadRef::NONE;
    }
    let field = lock.wrapping_add(offset.into()) as *const u64;
    // SAFETY: the helper checks the address.
    let Ok(owner) = (unsafe { bpf_probe_read_kernel(field) }) else {
        return ThreadRef::NONE;
    };
    // Of readers only the last one is noted, also after it has gone.
    if is_rwsem && owner & READER_OWNED != 0 {
        return ThreadRef::NONE;
    }
    let task = (owner & !FLAGS) as usize as *const c_void;
    if task.is_null() {
        return ThreadRef::NONE;
    }
    match (task::read_tgid(task), task::read_tid(task)) {
        (Some(tgid), Some(tid)) => ThreadRef::new(tgid, tid),
        _ => ThreadRef::NONE,
    }
}

/// Notes who releases a contended lock.
#[inline(always)]
pub fn released(lock: u64, release: Release) {
    let _ = RELEASES.insert(lock, release, 0);
}

/// The thread that released a lock since then, if one did.
#[inline(always)]
pub fn released_since(lock: u64, since_ns: u64) -> ThreadRef {
    // SAFETY: the value is copied at once.
    match unsafe { RELEASES.get(lock) } {
        Some(release) if release.at_ns >= since_ns => release.holder,
        _ => ThreadRef::NONE,
    }
}
