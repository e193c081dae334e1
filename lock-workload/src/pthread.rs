//! The C library's locks, as far as the scenarios need them.
//!
//! They are not moved once they are in use, and their memory is what the kernel sees.

use std::{cell::UnsafeCell, io, mem::MaybeUninit, time::Duration};

use crate::meter::Ended;

/// A value at one place for as long as it lives, which C functions change.
#[derive(Debug)]
pub(crate) struct Fixed<T>(Box<UnsafeCell<T>>);

// SAFETY: only C functions that are made for use by several threads get the pointer.
unsafe impl<T> Send for Fixed<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Fixed<T> {}

impl<T> Fixed<T> {
    /// All zero, which the C library initialises before use.
    fn zeroed() -> Self {
        // SAFETY: for the C library's types, all of which are integers and pointers.
        Self(Box::new(UnsafeCell::new(unsafe {
            MaybeUninit::zeroed().assume_init()
        })))
    }

    /// For C functions.
    pub(crate) fn pointer(&self) -> *mut T {
        self.0.get()
    }

    /// Where it is.
    pub(crate) fn address(&self) -> u64 {
        self.pointer() as u64
    }

    /// How large it is, in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        size_of::<T>() as u64
    }
}

/// What pthread functions return.
pub(crate) fn check(code: libc::c_int) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// How a pthread function ended that may time out.
fn ended(code: libc::c_int) -> io::Result<Ended> {
    match code {
        libc::ETIMEDOUT => Ok(Ended::TimedOut),
        code => check(code).map(|()| Ended::Acquired),
    }
}

/// A mutex that is fixed in memory.
pub(crate) type Mutex = Fixed<libc::pthread_mutex_t>;

/// What kind of mutex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As they are by default.
    Plain,
    /// With priority inheritance.
    PriorityInheritance,
    /// For several processes.
    Shared,
}

/// Initialises a mutex.
///
/// # Errors
///
/// That of the C library.
///
/// # Safety
///
/// The memory is valid for a mutex, and no mutex in use.
pub(crate) unsafe fn initialise_mutex(
    mutex: *mut libc::pthread_mutex_t,
    kind: Kind,
) -> io::Result<()> {
    let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::zeroed();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attributes are initialised before they are used, and a local variable.
    unsafe {
        check(libc::pthread_mutexattr_init(attributes))?;
        check(match kind {
            Kind::Plain => 0,
            Kind::PriorityInheritance => {
                libc::pthread_mutexattr_setprotocol(attributes, libc::PTHREAD_PRIO_INHERIT)
            }
            Kind::Shared => {
                libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED)
            }
        })?;
        check(libc::pthread_mutex_init(mutex, attributes))
    }
}

impl Mutex {
    /// A new one.
    pub(crate) fn of(kind: Kind) -> io::Result<Self> {
        let mutex = Self::zeroed();
        // SAFETY: its own memory, which nobody uses yet.
        unsafe { initialise_mutex(mutex.pointer(), kind) }?;
        Ok(mutex)
    }

    /// Waits for it.
    #[inline(never)]
    pub(crate) fn lock(&self) -> io::Result<Ended> {
        // SAFETY: initialised.
        ended(unsafe { libc::pthread_mutex_lock(self.pointer()) })
    }

    /// Waits for it no longer than this.
    #[inline(never)]
    pub(crate) fn lock_within(&self, time: Duration) -> io::Result<Ended> {
        let until = after(time)?;
        // SAFETY: initialised; reads the time.
        ended(unsafe { libc::pthread_mutex_timedlock(self.pointer(), &raw const until) })
    }

    /// Lets go.
    pub(crate) fn unlock(&self) -> io::Result<()> {
        // SAFETY: initialised.
        check(unsafe { libc::pthread_mutex_unlock(self.pointer()) })
    }
}

/// The time of day in a while.
fn after(time: Duration) -> io::Result<libc::timespec> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec.
    if unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let then = Duration::new(now.tv_sec.unsigned_abs(), 0)
        + Duration::from_nanos(now.tv_nsec.unsigned_abs())
        + time;
    Ok(libc::timespec {
        tv_sec: libc::time_t::try_from(then.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(then.subsec_nanos()),
    })
}

/// A lock with readers and writers.
pub(crate) type RwLock = Fixed<libc::pthread_rwlock_t>;

impl RwLock {
    /// A new one.
    pub(crate) fn new() -> io::Result<Self> {
        let lock = Self::zeroed();
        // SAFETY: its own memory; null stands for the default.
        check(unsafe { libc::pthread_rwlock_init(lock.pointer(), std::ptr::null()) })?;
        Ok(lock)
    }

    /// Waits to read.
    #[inline(never)]
    pub(crate) fn read(&self) -> io::Result<Ended> {
        // SAFETY: initialised.
        ended(unsafe { libc::pthread_rwlock_rdlock(self.pointer()) })
    }

    /// Waits to write.
    #[inline(never)]
    pub(crate) fn write(&self) -> io::Result<Ended> {
        // SAFETY: initialised.
        ended(unsafe { libc::pthread_rwlock_wrlock(self.pointer()) })
    }

    /// Lets go.
    pub(crate) fn unlock(&self) -> io::Result<()> {
        // SAFETY: initialised.
        check(unsafe { libc::pthread_rwlock_unlock(self.pointer()) })
    }
}

/// A condition variable.
pub(crate) type Condvar = Fixed<libc::pthread_cond_t>;

impl Condvar {
    /// A new one.
    pub(crate) fn new() -> io::Result<Self> {
        let condvar = Self::zeroed();
        // SAFETY: its own memory; null stands for the default.
        check(unsafe { libc::pthread_cond_init(condvar.pointer(), std::ptr::null()) })?;
        Ok(condvar)
    }

    /// Waits to be woken, with the mutex let go meanwhile.
    #[inline(never)]
    pub(crate) fn wait(&self, mutex: &Mutex) -> io::Result<Ended> {
        // SAFETY: both are initialised.
        ended(unsafe { libc::pthread_cond_wait(self.pointer(), mutex.pointer()) })
    }

    /// Wakes one waiter.
    pub(crate) fn wake_one(&self) -> io::Result<()> {
        // SAFETY: initialised.
        check(unsafe { libc::pthread_cond_signal(self.pointer()) })
    }
}

/// A counting semaphore.
pub(crate) type Semaphore = Fixed<libc::sem_t>;

impl Semaphore {
    /// One of zero.
    pub(crate) fn new() -> io::Result<Self> {
        let semaphore = Self::zeroed();
        // SAFETY: its own memory.
        if unsafe { libc::sem_init(semaphore.pointer(), 0, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(semaphore)
    }

    /// Waits until there is one.
    #[inline(never)]
    pub(crate) fn wait(&self) -> io::Result<Ended> {
        // SAFETY: initialised.
        if unsafe { libc::sem_wait(self.pointer()) } == 0 {
            return Ok(Ended::Acquired);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => Ok(Ended::Interrupted),
            _ => Err(error),
        }
    }

    /// Adds one.
    pub(crate) fn post(&self) -> io::Result<()> {
        // SAFETY: initialised.
        match unsafe { libc::sem_post(self.pointer()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Takes all that there are.
    pub(crate) fn drain(&self) {
        // SAFETY: initialised.
        while unsafe { libc::sem_trywait(self.pointer()) } == 0 {}
    }
}

/// A meeting of threads.
pub(crate) type Barrier = Fixed<libc::pthread_barrier_t>;

impl Barrier {
    /// Of this many.
    pub(crate) fn of(count: u32) -> io::Result<Self> {
        let barrier = Self::zeroed();
        // SAFETY: its own memory; null stands for the default.
        check(unsafe { libc::pthread_barrier_init(barrier.pointer(), std::ptr::null(), count) })?;
        Ok(barrier)
    }

    /// Waits for the others.
    #[inline(never)]
    pub(crate) fn wait(&self) -> io::Result<Ended> {
        // SAFETY: initialised.
        match unsafe { libc::pthread_barrier_wait(self.pointer()) } {
            libc::PTHREAD_BARRIER_SERIAL_THREAD => Ok(Ended::Acquired),
            code => ended(code),
        }
    }
}
