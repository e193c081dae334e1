//! Futex operations that few libraries use, called as they are.

use std::{
    io, ptr,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    meter::Ended,
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// The same number on every architecture but Alpha, and not in the C library's headers that
/// all distributions have (linux/include/uapi/asm-generic/unistd.h).
const SYS_FUTEX_WAITV: libc::c_long = 449;
const SYS_FUTEX_WAIT: libc::c_long = 455;

/// Of futex2 (linux/include/uapi/linux/futex.h).
const FUTEX2_SIZE_U32: u32 = 2;
const FUTEX2_PRIVATE: u32 = libc::FUTEX_PRIVATE_FLAG as u32;

/// Which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `FUTEX_WAIT_REQUEUE_PI`.
    RequeuePi,
    /// `futex_waitv` of two words.
    Waitv,
    /// `futex_wait` of futex2.
    Wait2,
}

/// Words to wait on.
#[derive(Debug)]
pub(crate) struct RawFutex {
    operation: Operation,
    /// The words, in one place: the one to wait on, another one that nobody wakes, and a
    /// mutex with priority inheritance.
    words: Box<[AtomicU32; 3]>,
}

impl RawFutex {
    /// # Errors
    ///
    /// When the kernel has no such operation.
    pub(crate) fn new(operation: Operation) -> io::Result<Self> {
        let futex = Self {
            operation,
            words: Box::default(),
        };
        // With another value than the word's, the call fails at once.
        let error = match operation {
            Operation::RequeuePi => return Ok(futex),
            Operation::Waitv => futex.waitv(1),
            Operation::Wait2 => futex.wait2(1),
        };
        match error {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(futex),
            Err(error) => Err(error),
            Ok(()) => Err(io::Error::other("the kernel waited for another value")),
        }
    }

    /// The word that is waited on, that which is not woken, and the mutex.
    fn words(&self) -> [*mut u32; 3] {
        let [awaited, other, mutex] = &*self.words;
        [awaited.as_ptr(), other.as_ptr(), mutex.as_ptr()]
    }

    #[inline(never)]
    fn wait_for_raw_futex(&self, number: u32) -> io::Result<Ended> {
        match self.operation {
            Operation::RequeuePi => self.wait_requeue_pi(number),
            Operation::Waitv => self.waitv(number),
            Operation::Wait2 => self.wait2(number),
        }
        .map(|()| Ended::Acquired)
    }

    fn wait_requeue_pi(&self, number: u32) -> io::Result<()> {
        let [awaited, _, mutex] = self.words();
        let operation = libc::FUTEX_WAIT_REQUEUE_PI | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the words live as long as the call; no time is given.
        outcome(unsafe {
            libc::syscall(
                libc::SYS_futex,
                awaited,
                operation,
                number,
                ptr::null::<libc::timespec>(),
                mutex,
            )
        })
    }

    fn waitv(&self, number: u32) -> io::Result<()> {
        #[repr(C)]
        struct FutexWaitv {
            value: u64,
            address: u64,
            flags: u32,
            reserved: u32,
        }
        let [awaited, other, _] = self.words();
        let waiters = [(awaited, number), (other, 0)].map(|(word, value)| FutexWaitv {
            value: value.into(),
            address: word as u64,
            flags: FUTEX2_SIZE_U32 | FUTEX2_PRIVATE,
            reserved: 0,
        });
        // SAFETY: reads the two; no time is given.
        outcome(unsafe {
            libc::syscall(
                SYS_FUTEX_WAITV,
                waiters.as_ptr(),
                waiters.len(),
                0,
                ptr::null::<libc::timespec>(),
                libc::CLOCK_MONOTONIC,
            )
        })
    }

    fn wait2(&self, number: u32) -> io::Result<()> {
        let [awaited, ..] = self.words();
        // SAFETY: the word lives as long as the call; no time is given.
        outcome(unsafe {
            libc::syscall(
                SYS_FUTEX_WAIT,
                awaited,
                u64::from(number),
                u64::from(u32::MAX),
                FUTEX2_SIZE_U32 | FUTEX2_PRIVATE,
                ptr::null::<libc::timespec>(),
                libc::CLOCK_MONOTONIC,
            )
        })
    }

    /// Wakes all; those that wait to be requeued get the mutex one after the other.
    fn wake(&self, number: u32) -> io::Result<()> {
        let [awaited, _, mutex] = self.words();
        let private = libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the words live as long as the call.
        outcome(unsafe {
            match self.operation {
                Operation::RequeuePi => libc::syscall(
                    libc::SYS_futex,
                    awaited,
                    libc::FUTEX_CMP_REQUEUE_PI | private,
                    1,
                    i64::from(i32::MAX),
                    mutex,
                    number,
                ),
                Operation::Waitv | Operation::Wait2 => libc::syscall(
                    libc::SYS_futex,
                    awaited,
                    libc::FUTEX_WAKE | private,
                    i32::MAX,
                ),
            }
        })
    }

    /// Lets go of the mutex with priority inheritance.
    fn unlock(&self) -> io::Result<()> {
        let [_, _, mutex] = self.words();
        let operation = libc::FUTEX_UNLOCK_PI | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the word lives as long as the call.
        outcome(unsafe { libc::syscall(libc::SYS_futex, mutex, operation) })
    }
}

fn outcome(code: libc::c_long) -> io::Result<()> {
    match code {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Contended for RawFutex {
    fn locks(&self) -> Vec<Subject> {
        vec![Subject {
            name: "futex",
            r#type: "futex",
            caller: "wait_for_raw_futex",
            address: Some(self.words.as_ptr() as u64),
            bytes: size_of_val(&*self.words) as u64,
            object: None,
        }]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        holder.until_all_wait();
        let [awaited, ..] = &*self.words;
        // Whoever comes too late finds another value, and does not wait.
        match self.operation {
            // The kernel compares it before it wakes: it is changed when all are through.
            Operation::RequeuePi => {
                let number = awaited.load(Ordering::Acquire);
                while holder.passed() < holder.waiters() {
                    self.wake(number)?;
                    std::thread::sleep(crate::crew::LOOK_AGAIN);
                }
                Ok(())
            }
            Operation::Waitv | Operation::Wait2 => {
                let number = awaited.fetch_add(1, Ordering::AcqRel);
                self.wake(number)
            }
        }
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let [awaited, ..] = &*self.words;
        let number = awaited.load(Ordering::Acquire);
        let outcome = waiter.call(0, || match self.wait_for_raw_futex(number) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(Ended::Acquired),
            outcome => outcome,
        });
        outcome?;
        match self.operation {
            Operation::RequeuePi => self.unlock(),
            Operation::Waitv | Operation::Wait2 => Ok(()),
        }
    }
}
