//! The same as locks.c, with the locks of Rust's standard library.

mod rounds;

use std::{
    sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread,
};

use rounds::run;

static LOCK_MUTEX: Mutex<u32> = Mutex::new(0);
static LOCK_READ: RwLock<u32> = RwLock::new(0);
static LOCK_WRITE: RwLock<u32> = RwLock::new(0);

#[inline(never)]
fn wait_mutex() -> MutexGuard<'static, u32> {
    LOCK_MUTEX.lock().unwrap()
}

#[inline(never)]
fn wait_read() -> RwLockReadGuard<'static, u32> {
    LOCK_READ.read().unwrap()
}

#[inline(never)]
fn wait_write() -> RwLockWriteGuard<'static, u32> {
    LOCK_WRITE.write().unwrap()
}

fn main() {
    let holder = || {
        run("mutex", wait_mutex, || LOCK_MUTEX.try_lock().ok(), wait_mutex);
        let hold = || LOCK_READ.write().unwrap();
        run("read", hold, || LOCK_READ.try_read().ok(), wait_read);
        let hold = || LOCK_WRITE.read().unwrap();
        run("write", hold, || LOCK_WRITE.try_write().ok(), wait_write);
    };
    thread::Builder::new()
        .name("holder".to_owned())
        .spawn(holder)
        .unwrap()
        .join()
        .unwrap();
}
