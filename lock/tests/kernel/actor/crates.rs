//! The same as `primitives/locks.c`, with locks of crates.

#[expect(clippy::print_stdout, reason = "the recorder's test reads it")]
#[path = "../primitives/rounds.rs"]
mod rounds;

use std::{hint::black_box, io, sync::LazyLock, thread};

use dashmap::{DashMap, mapref::one::RefMut, try_result::TryResult};
use parking_lot::{
    FairMutex, FairMutexGuard, Mutex, MutexGuard, ReentrantMutex, ReentrantMutexGuard, RwLock,
    RwLockReadGuard, RwLockWriteGuard,
};

use self::rounds::run;

static LOCK_MUTEX: Mutex<u32> = Mutex::new(0);
static LOCK_FAIR: FairMutex<u32> = FairMutex::new(0);
static LOCK_REENTRANT: ReentrantMutex<u32> = ReentrantMutex::new(0);
static LOCK_READ: RwLock<u32> = RwLock::new(0);
static LOCK_WRITE: RwLock<u32> = RwLock::new(0);
static LOCK_MAP: LazyLock<DashMap<u32, u32>> = LazyLock::new(|| DashMap::from_iter([(1, 1)]));
static LOCK_TOKIO: tokio::sync::Mutex<u32> = tokio::sync::Mutex::const_new(0);

macro_rules! wait {
    ($($name:ident: $guard:ty = $call:expr;)+) => {$(
        #[inline(never)]
        fn $name() -> $guard {
            black_box($call)
        }
    )+};
}

wait! {
    wait_mutex: MutexGuard<'static, u32> = LOCK_MUTEX.lock();
    wait_fair: FairMutexGuard<'static, u32> = LOCK_FAIR.lock();
    wait_reentrant: ReentrantMutexGuard<'static, u32> = LOCK_REENTRANT.lock();
    wait_read: RwLockReadGuard<'static, u32> = LOCK_READ.read();
    wait_write: RwLockWriteGuard<'static, u32> = LOCK_WRITE.write();
    wait_map: RefMut<'static, u32, u32> = LOCK_MAP.get_mut(&1).expect("it is there");
    wait_tokio: tokio::sync::MutexGuard<'static, u32> = LOCK_TOKIO.blocking_lock();
}

/// Prints a line per kind of lock.
pub(super) fn act() -> io::Result<()> {
    // These locks yield the CPU some times before they sleep. That takes long, and nobody sees it
    // as a wait, where others want the CPU.
    // SAFETY: has no preconditions.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
    let holder = || {
        run("mutex", wait_mutex, || LOCK_MUTEX.try_lock(), wait_mutex);
        run("fair", wait_fair, || LOCK_FAIR.try_lock(), wait_fair);
        run(
            "reentrant",
            wait_reentrant,
            || LOCK_REENTRANT.try_lock(),
            wait_reentrant,
        );
        run(
            "read",
            || LOCK_READ.write(),
            || LOCK_READ.try_read(),
            wait_read,
        );
        run(
            "write",
            || LOCK_WRITE.read(),
            || LOCK_WRITE.try_write(),
            wait_write,
        );
        let attempt = || match LOCK_MAP.try_get_mut(&1) {
            TryResult::Present(value) => Some(value),
            TryResult::Absent | TryResult::Locked => None,
        };
        run("map", wait_map, attempt, wait_map);
        run(
            "tokio",
            wait_tokio,
            || LOCK_TOKIO.try_lock().ok(),
            wait_tokio,
        );
    };
    let holder = thread::Builder::new()
        .name("holder".to_owned())
        .spawn(holder)?;
    holder.join().expect("no panic");
    Ok(())
}
