//! Waits for the locks of Rust's standard library, and of parking_lot.

use std::{
    io,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock},
};

use crate::{
    meter::Ended,
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// Where a lock of the standard library is. Its futex words are within, as locks have no
/// memory of their own on Linux.
fn subject<T>(name: &'static str, r#type: &'static str, caller: &'static str, lock: &T) -> Subject {
    Subject {
        name,
        r#type,
        caller,
        address: Some(std::ptr::from_ref(lock) as u64),
        bytes: size_of::<T>() as u64,
        object: None,
    }
}

/// A mutex of a library, which hands out guards.
pub(crate) trait Lock: Send + Sync + 'static {
    /// What releases the mutex when it is dropped.
    type Guard<'a>;

    /// What a report shows of it.
    fn subject(&self) -> Subject;

    /// Waits for it. A caller that reports name is a function of its own.
    fn lock(&self) -> Self::Guard<'_>;
}

impl Lock for Mutex<()> {
    type Guard<'a> = MutexGuard<'a, ()>;

    fn subject(&self) -> Subject {
        subject("mutex", "user mutex", "wait_for_rust_mutex", self)
    }

    fn lock(&self) -> Self::Guard<'_> {
        wait_for_rust_mutex(self)
    }
}

#[inline(never)]
fn wait_for_rust_mutex(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The word that is waited on is not in the mutex, but one of the waiting thread.
impl Lock for parking_lot::Mutex<()> {
    type Guard<'a> = parking_lot::MutexGuard<'a, ()>;

    fn subject(&self) -> Subject {
        Subject {
            address: None,
            bytes: 0,
            ..subject("mutex", "user mutex", "wait_for_parking_lot", self)
        }
    }

    fn lock(&self) -> Self::Guard<'_> {
        wait_for_parking_lot(self)
    }
}

#[inline(never)]
fn wait_for_parking_lot(mutex: &parking_lot::Mutex<()>) -> parking_lot::MutexGuard<'_, ()> {
    mutex.lock()
}

/// A mutex that one thread holds while the others wait.
#[derive(Debug)]
pub(crate) struct Mutual<L>(pub(crate) L);

impl<L: Lock> Contended for Mutual<L> {
    fn locks(&self) -> Vec<Subject> {
        vec![self.0.subject()]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        let guard = self.0.lock();
        holder.until_all_wait();
        drop(guard);
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let mut guard = None;
        waiter.call(0, || {
            guard = Some(self.0.lock());
            Ok(Ended::Acquired)
        })?;
        drop(guard);
        Ok(())
    }
}

/// `std::sync::RwLock`: a writer has it, readers and writers in turn wait.
#[derive(Debug, Default)]
pub(crate) struct RustRwLock(RwLock<()>);

impl Contended for RustRwLock {
    fn locks(&self) -> Vec<Subject> {
        vec![subject("rwlock", "user rwlock", "wait_to_", &self.0)]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        let guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        holder.until_all_wait();
        drop(guard);
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        if waiter.number() % 2 == 1 {
            let mut guard = None;
            waiter.call(0, || {
                guard = Some(wait_to_write(&self.0));
                Ok(Ended::Acquired)
            })?;
        } else {
            let mut guard = None;
            waiter.call(0, || {
                guard = Some(wait_to_read(&self.0));
                Ok(Ended::Acquired)
            })?;
        }
        Ok(())
    }
}

#[inline(never)]
fn wait_to_write(lock: &RwLock<()>) -> impl Drop + use<'_> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[inline(never)]
fn wait_to_read(lock: &RwLock<()>) -> impl Drop + use<'_> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// `std::sync::Condvar`. Waiters are woken one after the other, so that none waits for the
/// mutex.
#[derive(Debug, Default)]
pub(crate) struct RustCondvar {
    /// How many may go on.
    permits: Mutex<u32>,
    condvar: Condvar,
}

impl Contended for RustCondvar {
    fn locks(&self) -> Vec<Subject> {
        vec![subject(
            "condition variable",
            "condvar",
            "wait_for_rust_condvar",
            &self.condvar,
        )]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        holder.until_all_wait();
        for woken in 1..=holder.waiters() {
            *self.permits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.condvar.notify_one();
            holder.until_passed(woken);
        }
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        while *permits == 0 {
            let mut woken = None;
            waiter.call(0, || {
                woken = Some(wait_for_rust_condvar(&self.condvar, permits));
                Ok(Ended::Acquired)
            })?;
            permits = match woken {
                Some(permits) => permits,
                None => return Ok(()),
            };
        }
        *permits -= 1;
        Ok(())
    }
}

#[inline(never)]
fn wait_for_rust_condvar<'a>(
    condvar: &Condvar,
    permits: MutexGuard<'a, u32>,
) -> MutexGuard<'a, u32> {
    condvar
        .wait(permits)
        .unwrap_or_else(PoisonError::into_inner)
}
