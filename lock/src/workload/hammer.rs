//! Threads that take one lock again and again as fast as they can: very many short waits.

use std::{
    hint, io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    error::Result,
    workload::{
        Plan,
        crew::{self, failed},
        meter::{Counting, Ended, Meter},
        posix::subject,
        pthread::{Kind, Mutex},
        truth::{Figures, Lock, Subject, Truth},
    },
};

/// How often an eventfd is written to between two looks at the time, which takes longer.
const WRITES_AT_ONCE: u64 = 1000;

/// One pthread mutex, held for some microseconds by whoever gets it.
///
/// # Errors
///
/// What the system refused.
pub(crate) fn mutex(plan: &Plan) -> Result<Truth> {
    let mutex = Arc::new(Mutex::of(Kind::Plain).map_err(failed("create a mutex"))?);
    let subject = subject("mutex", "user mutex", "wait_for_pthread_mutex", &*mutex);
    let Plan { duration, hold, .. } = *plan;
    hammer(plan, subject, Counting::EachSwitch, move || {
        let mutex = Arc::clone(&mutex);
        move |meter: &mut Meter| {
            let deadline = Instant::now() + duration;
            while Instant::now() < deadline {
                hold_the_lock(&mutex, hold, meter)?;
            }
            Ok(())
        }
    })
}

#[inline(never)]
fn hold_the_lock(mutex: &Mutex, hold: Duration, meter: &mut Meter) -> io::Result<()> {
    meter.call(0, || wait_for_pthread_mutex(mutex))?;
    let begin = Instant::now();
    while begin.elapsed() < hold {
        hint::spin_loop();
    }
    mutex.unlock()
}

#[inline(never)]
fn wait_for_pthread_mutex(mutex: &Mutex) -> io::Result<Ended> {
    mutex.lock()
}

/// The spinlock of one eventfd. A thread cannot know whether it spun: of the truth there is
/// only that there were no more waits than calls, nor longer.
///
/// # Errors
///
/// What the system refused.
pub(crate) fn spinlock(plan: &Plan) -> Result<Truth> {
    // SAFETY: takes integers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(failed("create an eventfd")(io::Error::last_os_error()));
    }
    // SAFETY: just opened, and nobody else's.
    let fd = Arc::new(unsafe { OwnedFd::from_raw_fd(fd) });
    let subject = Subject {
        name: "eventfd",
        r#type: "spinlock",
        caller: "eventfd_write",
        ..Subject::default()
    };
    let duration = plan.duration;
    hammer(plan, subject, Counting::EachCall, move || {
        let fd = Arc::clone(&fd);
        move |meter: &mut Meter| {
            let deadline = Instant::now() + duration;
            while Instant::now() < deadline {
                for _ in 0..WRITES_AT_ONCE {
                    write_to_eventfd(&fd)?;
                }
                meter.count_unsure(0, WRITES_AT_ONCE);
            }
            Ok(())
        }
    })
}

#[inline(never)]
fn write_to_eventfd(fd: &OwnedFd) -> io::Result<()> {
    let one = 1_u64;
    // SAFETY: reads 8 bytes.
    match unsafe { libc::write(fd.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Starts a thread for each waiter and one more, each with work of its own.
fn hammer<W>(
    plan: &Plan,
    subject: Subject,
    counting: Counting,
    work: impl Fn() -> W,
) -> Result<Truth>
where
    W: FnOnce(&mut Meter) -> io::Result<()> + Send + 'static,
{
    let members: Vec<crew::Member<Meter>> = (0..=plan.waiters)
        .map(|number| {
            let work = work();
            let thread: crew::Member<Meter> = (
                format!("waiter-{number}"),
                Box::new(move || {
                    let mut meter = Meter::new(counting, 1);
                    work(&mut meter).map(|()| meter)
                }),
            );
            thread
        })
        .collect();
    let threads = members.iter().map(|(name, _)| name.clone()).collect();
    let mut figures = Figures::default();
    for meter in crew::run(members)? {
        for part in meter.into_figures() {
            figures.add(&part);
        }
    }
    Ok(Truth {
        rounds: 1,
        threads,
        locks: vec![Lock { subject, figures }],
        ..Truth::default()
    })
}
