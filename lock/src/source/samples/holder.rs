//! Attribution of waits to the holders of locks.

use std::{collections::HashMap, path::Path, rc::Rc};

use lock_common::{Event, ThreadRef};

use crate::{
    profile::lock_type::Class,
    source::{
        blocked::is_glibc_mutex,
        samples::{REMEMBERED, pending::Pending},
        stacks::NamedStack,
        threads::Threads,
    },
    symbol::UserStack,
};

/// A release of a contended kernel lock that was seen.
#[derive(Debug, Clone)]
pub(super) struct Release {
    tid: u32,
    /// Where the holder released it.
    pub(super) kernel: Rc<NamedStack>,
    pub(super) user: Option<UserStack>,
}

/// The last release of each kernel lock, by its address.
#[derive(Debug, Default)]
pub(super) struct Releases(HashMap<u64, Release>);

impl Releases {
    /// Notes a release.
    pub(super) fn note(&mut self, event: &Event, kernel: Rc<NamedStack>, user: Option<UserStack>) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let release = Release {
            tid: event.tid,
            kernel,
            user,
        };
        self.0.insert(event.lock, release);
    }

    /// The last release of the lock of a wait, if it was by the holder.
    pub(super) fn of(&self, wait: &Event) -> Option<Release> {
        self.0
            .get(&wait.lock)
            .filter(|release| release.tid == wait.holder.tid())
            .cloned()
    }
}

/// The owner that the lock's memory named when the wait began, if it is one: glibc's mutexes
/// and those with priority inheritance have the thread's number there.
pub(super) fn owner_in_memory(pending: &Pending, threads: &Threads) -> Option<ThreadRef> {
    /// `FUTEX_TID_MASK` of the kernel's `include/uapi/linux/futex.h`.
    const TID: u32 = 0x3fff_ffff;
    let Pending { event, stack, .. } = pending;
    let names_owner = match stack.class {
        Class::PiMutex => true,
        Class::Mutex => is_glibc_mutex(stack),
        _ => false,
    };
    if !names_owner {
        return None;
    }
    let tid = event.word & TID;
    // In another pid namespace it is another number. A thread that has ended by now was seen
    // when it released the lock.
    let is_thread =
        || threads.has(tid) || Path::new(&format!("/proc/{}/task/{tid}", event.tgid)).exists();
    (tid != 0 && tid != event.tid && is_thread()).then(|| ThreadRef::new(event.tgid, tid))
}
