//! Rounds in which one thread holds a lock and others wait for it and time their calls.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

const WAITERS: u32 = 3;
const ROUNDS: u32 = 10;
const HOLD: Duration = Duration::from_millis(5);
const NAP: Duration = Duration::from_micros(100);

/// Waiters call `wait` in each round in which `attempt` shows that `hold` has the lock. Prints
/// `name`, the calls that waited, and the total and longest time in nanoseconds.
pub(crate) fn run<H, G>(
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
                .expect("a thread");
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
