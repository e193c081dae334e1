//! starved.c with std::sync::Mutex.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

static MUTEX: Mutex<()> = Mutex::new(());
static STOP: AtomicBool = AtomicBool::new(false);

fn slept() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"));
    line.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn main() {
    let barging = thread::spawn(|| {
        while !STOP.load(Ordering::Relaxed) {
            let _guard = MUTEX.lock();
            thread::sleep(Duration::from_micros(500));
        }
    });
    thread::sleep(Duration::from_millis(10));
    let (mut calls, mut sleeps, mut total, mut longest) = (0, 0, 0, 0);
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        let before = slept();
        let begin = Instant::now();
        let guard = MUTEX.lock();
        let took = begin.elapsed().as_nanos();
        let more = slept() - before;
        drop(guard);
        if more > 0 {
            calls += 1;
            sleeps += more;
            total += took;
            longest = longest.max(took);
        }
        thread::sleep(Duration::from_micros(300));
    }
    STOP.store(true, Ordering::Relaxed);
    barging.join().unwrap();
    println!("{calls} {sleeps} {total} {longest}");
}
