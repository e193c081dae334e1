//! A service as many are: threads that answer requests, with a session table behind a
//! `std` mutex, an access log behind a `parking_lot` one, settings behind a lock for many
//! readers, and a queue that idle threads wait at.
//!
//! One of these locks is its bottleneck. It measures its own waits and prints them, to hold
//! what `lock` says against:
//!
//! ```console
//! # lock record -- cargo run --release -p lockprof --example service
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::{
    collections::HashMap,
    env,
    hint::black_box,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const THREADS: usize = 8;

/// Waits for one lock, as its callers measured them.
#[derive(Default)]
struct Waits {
    count: AtomicU64,
    total_ns: AtomicU64,
}

impl Waits {
    fn since(&self, begin: Instant) {
        let took = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_ns.fetch_add(took, Ordering::Relaxed);
    }

    fn tell(&self, what: &str) {
        let count = self.count.load(Ordering::Relaxed);
        let total = Duration::from_nanos(self.total_ns.load(Ordering::Relaxed));
        println!("{what}: {count} contended waits, {total:.2?} in all");
    }
}

/// Requests that nobody has taken yet.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<u64>>,
    arrived: Condvar,
}

#[derive(Default)]
struct Service {
    queue: Queue,
    sessions: Mutex<HashMap<u64, u64>>,
    session_waits: Waits,
    log: parking_lot::Mutex<Vec<u64>>,
    log_waits: Waits,
    settings: RwLock<u64>,
}

impl Service {
    fn lock_sessions(&self) -> MutexGuard<'_, HashMap<u64, u64>> {
        if let Ok(sessions) = self.sessions.try_lock() {
            return sessions;
        }
        let begin = Instant::now();
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        self.session_waits.since(begin);
        sessions
    }

    /// The mistake: a token is made while the whole table is locked.
    #[inline(never)]
    fn refresh_session(&self, request: u64) -> u64 {
        let mut sessions = self.lock_sessions();
        let token = make_token(request, 60_000);
        sessions.insert(request % 1000, token);
        token
    }

    #[inline(never)]
    fn write_access_log(&self, token: u64) {
        let mut log = match self.log.try_lock() {
            Some(log) => log,
            None => {
                let begin = Instant::now();
                let log = self.log.lock();
                self.log_waits.since(begin);
                log
            }
        };
        log.push(make_token(token, 4_000));
        if log.len() > 100_000 {
            log.clear();
        }
    }

    fn serve(&self) {
        loop {
            let waiting = self.queue.waiting.lock();
            let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            let request = loop {
                if let Some(request) = waiting.pop() {
                    break request;
                }
                let arrived = self.queue.arrived.wait(waiting);
                waiting = arrived.unwrap_or_else(PoisonError::into_inner);
            };
            drop(waiting);
            if request == 0 {
                return;
            }
            let salt = *self.settings.read().unwrap_or_else(PoisonError::into_inner);
            let parsed = make_token(request ^ salt, 10_000);
            let token = self.refresh_session(parsed);
            self.write_access_log(token);
        }
    }

    fn receive(&self, requests: impl Iterator<Item = u64>) -> usize {
        let waiting = self.queue.waiting.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.extend(requests);
        self.queue.arrived.notify_all();
        waiting.len()
    }
}

/// Work, in rounds of a nanosecond or so.
fn make_token(seed: u64, rounds: u64) -> u64 {
    (0..rounds).fold(seed, |token, round| {
        black_box(
            token
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(round),
        )
    })
}

fn main() {
    let seconds = env::args().nth(1).and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(5));
    let service = Arc::new(Service::default());
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let service = Arc::clone(&service);
            let named = thread::Builder::new().name(format!("worker-{number}"));
            named.spawn(move || service.serve())
        })
        .collect();
    let mut requests = 0;
    while Instant::now() < until {
        // More than they can do, but not without end.
        if service.receive(requests + 1..=requests + 100) < 1000 {
            requests += 100;
        }
        thread::sleep(Duration::from_millis(5));
    }
    // A request of zero ends a thread. They take the last that came first.
    service.receive(std::iter::repeat_n(0, THREADS));
    for thread in threads.into_iter().flatten() {
        let _ = thread.join();
    }
    service.session_waits.tell("sessions (std)");
    service.log_waits.tell("access log (parking_lot)");
}
