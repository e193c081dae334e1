//! A chain of waits: `chain-a` waits for a mutex that `chain-b` has, which waits for one that
//! `chain-c` has.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    crew::LOOK_AGAIN,
    meter::Ended,
    posix::subject,
    pthread::{Kind, Mutex},
    rounds::{Contended, Holder, Waiter},
    truth::{Pair, Subject},
};

/// How many threads wait.
pub(crate) const WAITERS: u32 = 2;

/// Two mutexes.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Had by b, waited for by a.
    first: Mutex,
    /// Had by c, waited for by b.
    second: Mutex,
    /// Whether b has the first one.
    first_is_held: AtomicBool,
}

impl Chain {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            first: Mutex::of(Kind::Plain)?,
            second: Mutex::of(Kind::Plain)?,
            first_is_held: AtomicBool::new(false),
        })
    }
}

/// Who waits for whom.
pub(crate) fn pairs() -> Vec<Pair> {
    [("chain-a", "chain-b", 0), ("chain-b", "chain-c", 1)]
        .map(|(waiter, holder, lock)| Pair {
            waiter: waiter.to_owned(),
            holder: holder.to_owned(),
            lock,
        })
        .into()
}

impl Contended for Chain {
    fn locks(&self) -> Vec<Subject> {
        vec![
            subject("first mutex", "user mutex", "wait_for_chain_b", &self.first),
            subject(
                "second mutex",
                "user mutex",
                "wait_for_chain_c",
                &self.second,
            ),
        ]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        self.second.lock()?;
        holder.until_all_wait();
        self.second.unlock()
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        if waiter.number() == 0 {
            while !self.first_is_held.load(Ordering::Acquire) {
                thread::sleep(LOOK_AGAIN);
            }
            waiter.call(0, || wait_for_chain_b(&self.first))?;
            return self.first.unlock();
        }
        self.first.lock()?;
        self.first_is_held.store(true, Ordering::Release);
        waiter.call(1, || wait_for_chain_c(&self.second))?;
        self.second.unlock()?;
        self.first_is_held.store(false, Ordering::Release);
        self.first.unlock()
    }

    fn holder_name(&self) -> String {
        "chain-c".to_owned()
    }

    fn waiter_name(&self, number: usize) -> String {
        match number {
            0 => "chain-a".to_owned(),
            _ => "chain-b".to_owned(),
        }
    }
}

#[inline(never)]
fn wait_for_chain_b(mutex: &Mutex) -> io::Result<Ended> {
    mutex.lock()
}

#[inline(never)]
fn wait_for_chain_c(mutex: &Mutex) -> io::Result<Ended> {
    mutex.lock()
}
