//! Rounds: one thread holds a lock for a while, the others wait for it once each.
//!
//! The holder takes the lock while nobody wants it and signals the others. Each signals back
//! before it makes its call. From when all have, the holder sleeps for the time to hold, then lets
//! go. The next round begins when all have had the lock.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    crew::{self, LOOK_AGAIN},
    error::Result,
    meter::{Counting, Ended, Meter},
    truth::{Figures, Lock, Subject, Truth},
};

/// How long to run, with how many threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// How long in all. The round that is under way then is finished.
    pub(crate) duration: Duration,
    /// How many threads wait in each round.
    pub(crate) waiters: u32,
    /// How long the lock is to be held in each round.
    pub(crate) hold: Duration,
}

/// What is held and waited for.
pub(crate) trait Contended: Send + Sync + 'static {
    /// How its waiters' switches are counted.
    const COUNTING: Counting = Counting::EachSwitch;

    /// The locks that it has.
    fn locks(&self) -> Vec<Subject>;

    /// Takes the lock, calls [`Holder::until_all_wait`] and lets go. Its name is in the
    /// stacks of who let go of the lock: each implementation is a function of its own.
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()>;

    /// Takes the lock within [`Waiter::call`], and lets go.
    fn wait(&self, waiter: &mut Waiter) -> io::Result<()>;

    /// The name of the thread that holds.
    fn holder_name(&self) -> String {
        "holder".to_owned()
    }

    /// The name of a thread that waits.
    fn waiter_name(&self, number: usize) -> String {
        format!("waiter-{number}")
    }
}

/// What the threads know of each other.
#[derive(Debug)]
struct Round {
    /// Which it is, from 1.
    number: AtomicU64,
    /// How many waiters are about to wait or have.
    entered: AtomicU32,
    /// How many waiters are through.
    passed: AtomicU32,
    /// Whether there is no other.
    over: AtomicBool,
    /// The waiters' thread numbers, zero before they are known.
    tids: Vec<AtomicI32>,
}

/// The thread that holds.
#[derive(Debug)]
pub(crate) struct Holder {
    meter: Meter,
    round: Arc<Round>,
    begun: u64,
    hold: Duration,
}

impl Holder {
    /// About how long to hold the lock.
    pub(crate) const fn time_to_hold(&self) -> Duration {
        self.hold
    }

    /// Announces that the lock is held.
    pub(crate) fn begin(&mut self) {
        self.begun += 1;
        self.round.number.store(self.begun, Ordering::Release);
    }

    /// Announces that the lock is held, and holds it for the time since all others are about to
    /// wait.
    pub(crate) fn until_all_wait(&mut self) {
        self.until_all_wait_for(self.hold);
    }

    /// The same for another time.
    pub(crate) fn until_all_wait_for(&mut self, hold: Duration) {
        self.begin();
        while self.round.entered.load(Ordering::Acquire) < self.waiters() {
            thread::sleep(LOOK_AGAIN);
        }
        thread::sleep(hold);
    }

    /// How many wait.
    pub(crate) fn waiters(&self) -> u32 {
        u32::try_from(self.round.tids.len()).unwrap_or(u32::MAX)
    }

    /// How many have passed in this round.
    pub(crate) fn passed(&self) -> u32 {
        self.round.passed.load(Ordering::Acquire)
    }

    /// Sleeps until this many have passed.
    pub(crate) fn until_passed(&self, count: u32) {
        while self.passed() < count {
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// The numbers of the waiters' threads.
    pub(crate) fn tids(&self) -> impl Iterator<Item = i32> + '_ {
        self.round
            .tids
            .iter()
            .map(|tid| tid.load(Ordering::Acquire))
    }

    /// Makes a call that may wait.
    pub(crate) fn call(
        &mut self,
        lock: usize,
        wait: impl FnOnce() -> io::Result<Ended>,
    ) -> io::Result<Ended> {
        self.meter.call(lock, wait)
    }
}

/// A thread that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    meter: Meter,
    round: Arc<Round>,
    number: usize,
    entered: bool,
    too_late: u64,
}

impl Waiter {
    /// Which one, from 0.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// Makes a call that waits for the lock.
    pub(crate) fn call(
        &mut self,
        lock: usize,
        wait: impl FnOnce() -> io::Result<Ended>,
    ) -> io::Result<Ended> {
        self.enter();
        self.meter.call(lock, wait)
    }

    /// Counts a call that is not made.
    pub(crate) fn comes_too_late(&mut self) {
        self.too_late += 1;
    }

    fn enter(&mut self) {
        if !self.entered {
            self.entered = true;
            self.round.entered.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Sleeps until the next round begins; false if there is none.
    fn until_round(&self, number: u64) -> bool {
        loop {
            if self.round.number.load(Ordering::Acquire) >= number {
                return true;
            }
            if self.round.over.load(Ordering::Acquire) {
                return false;
            }
            thread::sleep(LOOK_AGAIN);
        }
    }
}

/// What a thread comes to.
#[derive(Debug)]
struct Part {
    rounds: u64,
    too_late: u64,
    meter: Meter,
}

/// Makes the contention.
///
/// # Errors
///
/// That of a system call.
pub(crate) fn run<C: Contended>(run: &Run, contended: C) -> Result<Truth> {
    let contended = Arc::new(contended);
    let subjects = contended.locks();
    let round = Arc::new(Round {
        number: AtomicU64::new(0),
        entered: AtomicU32::new(0),
        passed: AtomicU32::new(0),
        over: AtomicBool::new(false),
        tids: (0..run.waiters).map(|_| AtomicI32::new(0)).collect(),
    });
    let holder = Holder {
        meter: Meter::new(C::COUNTING, subjects.len()),
        round: Arc::clone(&round),
        begun: 0,
        hold: run.hold,
    };
    let held = Arc::clone(&contended);
    let duration = run.duration;
    let mut members: Vec<crew::Member<Part>> = vec![(
        contended.holder_name(),
        Box::new(move || hold_rounds(duration, &*held, holder)),
    )];
    for number in 0..run.waiters as usize {
        let waiter = Waiter {
            meter: Meter::new(C::COUNTING, subjects.len()),
            round: Arc::clone(&round),
            number,
            entered: false,
            too_late: 0,
        };
        let waited = Arc::clone(&contended);
        members.push((
            contended.waiter_name(number),
            Box::new(move || wait_rounds(&*waited, waiter)),
        ));
    }
    let threads = members.iter().map(|(name, _)| name.clone()).collect();
    let parts = crew::run(members)?;

    let mut truth = Truth {
        threads,
        locks: subjects
            .into_iter()
            .map(|subject| Lock {
                subject,
                figures: Figures::default(),
            })
            .collect(),
        ..Truth::default()
    };
    for part in parts {
        truth.rounds += part.rounds;
        truth.too_late += part.too_late;
        for (lock, figures) in truth.locks.iter_mut().zip(part.meter.into_figures()) {
            lock.figures.add(&figures);
        }
    }
    Ok(truth)
}

fn hold_rounds<C: Contended>(
    duration: Duration,
    contended: &C,
    mut holder: Holder,
) -> io::Result<Part> {
    let until_known = |tid: &AtomicI32| {
        while tid.load(Ordering::Acquire) == 0 {
            thread::sleep(LOOK_AGAIN);
        }
    };
    holder.round.tids.iter().for_each(until_known);
    let deadline = Instant::now() + duration;
    let mut outcome = Ok(());
    while outcome.is_ok() && Instant::now() < deadline {
        outcome = contended.hold_the_lock(&mut holder);
        if outcome.is_ok() {
            holder.until_passed(holder.waiters());
        }
        holder.round.entered.store(0, Ordering::Release);
        holder.round.passed.store(0, Ordering::Release);
    }
    holder.round.over.store(true, Ordering::Release);
    outcome.map(|()| Part {
        rounds: holder.begun,
        too_late: 0,
        meter: holder.meter,
    })
}

fn wait_rounds<C: Contended>(contended: &C, mut waiter: Waiter) -> io::Result<Part> {
    if let Some(tid) = waiter.round.tids.get(waiter.number) {
        // SAFETY: has no preconditions.
        tid.store(unsafe { libc::gettid() }, Ordering::Release);
    }
    let mut outcome = Ok(());
    for number in 1.. {
        if !waiter.until_round(number) {
            break;
        }
        waiter.entered = false;
        // Whoever failed only passes, so that the others come to an end.
        if outcome.is_ok() {
            outcome = contended.wait(&mut waiter);
        }
        waiter.enter();
        waiter.round.passed.fetch_add(1, Ordering::AcqRel);
    }
    outcome.map(|()| Part {
        rounds: 0,
        too_late: waiter.too_late,
        meter: waiter.meter,
    })
}
