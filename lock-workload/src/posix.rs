//! Waits for the C library's locks.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{
    meter::Ended,
    pthread::{Barrier, Condvar, Fixed, Kind, Mutex, RwLock, Semaphore},
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// A lock in this process's memory.
pub(crate) fn subject<T>(
    name: &'static str,
    r#type: &'static str,
    caller: &'static str,
    lock: &Fixed<T>,
) -> Subject {
    Subject {
        name,
        r#type,
        caller,
        address: Some(lock.address()),
        bytes: lock.bytes(),
        object: None,
    }
}

/// `pthread_mutex_lock` of a mutex without or with priority inheritance.
#[derive(Debug)]
pub(crate) struct PthreadMutex {
    mutex: Mutex,
    r#type: &'static str,
}

impl PthreadMutex {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            mutex: Mutex::of(Kind::Plain)?,
            r#type: "user mutex",
        })
    }

    pub(crate) fn with_priority_inheritance() -> io::Result<Self> {
        Ok(Self {
            mutex: Mutex::of(Kind::PriorityInheritance)?,
            r#type: "pi mutex",
        })
    }
}

#[inline(never)]
fn wait_for_pthread_mutex(mutex: &Mutex) -> io::Result<Ended> {
    mutex.lock()
}

impl Contended for PthreadMutex {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "mutex",
            self.r#type,
            "wait_for_pthread_mutex",
            &self.mutex,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        self.mutex.lock()?;
        holder.until_all_wait();
        self.mutex.unlock()
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        waiter.call(0, || wait_for_pthread_mutex(&self.mutex))?;
        self.mutex.unlock()
    }
}

/// `pthread_mutex_timedlock`: every second waiter gives up after half of the time.
#[derive(Debug)]
pub(crate) struct TimedLock {
    mutex: Mutex,
    /// After which the impatient give up.
    patience: Duration,
}

impl TimedLock {
    pub(crate) fn new(hold: Duration) -> io::Result<Self> {
        Ok(Self {
            mutex: Mutex::of(Kind::Plain)?,
            patience: hold / 2,
        })
    }
}

impl Contended for TimedLock {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "mutex",
            "user mutex",
            "wait_for_pthread_timedlock",
            &self.mutex,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        self.mutex.lock()?;
        holder.until_all_wait();
        // Whoever is woken by its timeout and has no CPU yet could still be given the lock.
        holder.until_passed(holder.waiters().div_ceil(2));
        self.mutex.unlock()
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let patience = match waiter.number() % 2 {
            0 => self.patience,
            _ => Duration::from_secs(3600),
        };
        match waiter.call(0, || wait_for_pthread_timedlock(&self.mutex, patience))? {
            Ended::Acquired => self.mutex.unlock(),
            Ended::TimedOut | Ended::Interrupted => Ok(()),
        }
    }
}

#[inline(never)]
fn wait_for_pthread_timedlock(mutex: &Mutex, patience: Duration) -> io::Result<Ended> {
    mutex.lock_within(patience)
}

/// `pthread_rwlock`: a writer has it, readers and writers in turn wait.
#[derive(Debug)]
pub(crate) struct PthreadRwLock {
    lock: RwLock,
}

impl PthreadRwLock {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            lock: RwLock::new()?,
        })
    }
}

impl Contended for PthreadRwLock {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "rwlock",
            "user rwlock",
            "wait_for_pthread_rwlock",
            &self.lock,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        self.lock.write()?;
        holder.until_all_wait();
        self.lock.unlock()
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let writes = waiter.number() % 2 == 1;
        waiter.call(0, || wait_for_pthread_rwlock(&self.lock, writes))?;
        self.lock.unlock()
    }
}

#[inline(never)]
fn wait_for_pthread_rwlock(lock: &RwLock, writes: bool) -> io::Result<Ended> {
    match writes {
        true => lock.write(),
        false => lock.read(),
    }
}

/// `pthread_cond_wait`. Waiters are woken one after the other, so that none waits for the
/// mutex.
#[derive(Debug)]
pub(crate) struct PthreadCondvar {
    mutex: Mutex,
    condvar: Condvar,
    /// How many may go on. Changed with the mutex.
    permits: AtomicU32,
}

impl PthreadCondvar {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            mutex: Mutex::of(Kind::Plain)?,
            condvar: Condvar::new()?,
            permits: AtomicU32::new(0),
        })
    }
}

impl Contended for PthreadCondvar {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "condition variable",
            "condvar",
            "wait_for_pthread_condvar",
            &self.condvar,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        holder.until_all_wait();
        for woken in 1..=holder.waiters() {
            self.mutex.lock()?;
            self.permits.fetch_add(1, Ordering::Relaxed);
            self.mutex.unlock()?;
            self.condvar.wake_one()?;
            holder.until_passed(woken);
        }
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        self.mutex.lock()?;
        while self.permits.load(Ordering::Relaxed) == 0 {
            waiter.call(0, || wait_for_pthread_condvar(&self.condvar, &self.mutex))?;
        }
        self.permits.fetch_sub(1, Ordering::Relaxed);
        self.mutex.unlock()
    }
}

#[inline(never)]
fn wait_for_pthread_condvar(condvar: &Condvar, mutex: &Mutex) -> io::Result<Ended> {
    condvar.wait(mutex)
}

/// `sem_wait`.
#[derive(Debug)]
pub(crate) struct PosixSemaphore {
    semaphore: Semaphore,
}

impl PosixSemaphore {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            semaphore: Semaphore::new()?,
        })
    }
}

impl Contended for PosixSemaphore {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "semaphore",
            "user semaphore",
            "wait_for_semaphore",
            &self.semaphore,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        holder.until_all_wait();
        for _ in 0..holder.waiters() {
            self.semaphore.post()?;
        }
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        waiter.call(0, || wait_for_semaphore(&self.semaphore))?;
        Ok(())
    }
}

#[inline(never)]
pub(crate) fn wait_for_semaphore(semaphore: &Semaphore) -> io::Result<Ended> {
    semaphore.wait()
}

/// `pthread_barrier_wait`: the holder comes last.
#[derive(Debug)]
pub(crate) struct PthreadBarrier {
    barrier: Barrier,
}

impl PthreadBarrier {
    pub(crate) fn new(waiters: u32) -> io::Result<Self> {
        Ok(Self {
            barrier: Barrier::of(waiters.saturating_add(1))?,
        })
    }
}

impl Contended for PthreadBarrier {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "barrier",
            "barrier",
            "wait_for_pthread_barrier",
            &self.barrier,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        holder.until_all_wait();
        // Waits as well when another one is later.
        holder.call(0, || wait_for_pthread_barrier(&self.barrier))?;
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        waiter.call(0, || wait_for_pthread_barrier(&self.barrier))?;
        Ok(())
    }
}

#[inline(never)]
fn wait_for_pthread_barrier(barrier: &Barrier) -> io::Result<Ended> {
    barrier.wait()
}
