//! The same as locks.c, with the locks of Rust's standard library.

use std::{
    sync::{
        Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

const WAITERS: u32 = 3;
const ROUNDS: u32 = 10;
const HOLD: Duration = Duration::from_millis(5);
const NAP: Duration = Duration::from_micros(100);

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

fn run<H, G>(
    name: &str,
    hold: impl Fn() -> H,
    attempt: impl Fn() -> Option<G> + Sync,
    wait: impl Fn() -> G + Sync,
) {
    let (begun, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let (calls, total_ns, max_ns) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..WAITERS {
            let waiter = || {
                for round in 1..=ROUNDS {
                    while begun.load(SeqCst) < round {
                        thread::sleep(NAP);
                    }
                    let guard = attempt().unwrap_or_else(|| {
                        let from = Instant::now();
                        let guard = wait();
                        let waited = from.elapsed().as_nanos() as u64;
                        calls.fetch_add(1, SeqCst);
                        total_ns.fetch_add(waited, SeqCst);
                        max_ns.fetch_max(waited, SeqCst);
                        guard
                    });
                    let from = Instant::now();
                    while from.elapsed() < NAP / 2 {}
                    drop(guard);
                    done.fetch_add(1, SeqCst);
                }
            };
            thread::Builder::new()
                .name("waiter".to_owned())
                .spawn_scoped(scope, waiter)
                .unwrap();
        }
        for round in 1..=ROUNDS {
            let guard = hold();
            begun.store(round, SeqCst);
            thread::sleep(HOLD);
            drop(guard);
            while done.load(SeqCst) < round * WAITERS {
                thread::sleep(NAP);
            }
        }
    });
    println!("{name} {calls:?} {total_ns:?} {max_ns:?}");
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
