//! Threads that take one lock again and again as fast as they can: very many short waits.

use std::{
    hint, io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    crew,
    error::{Error, Result},
    meter::{Counting, Ended, Meter},
    posix::subject,
    pthread::{Kind, Mutex},
    rounds::Run,
    truth::{Figures, Lock, Subject, Truth},
};

/// How often an eventfd is written to between two looks at the time, which takes longer.
const WRITES_AT_ONCE: u64 = 1000;

/// One pthread mutex, held for some microseconds by whoever gets it.
///
/// # Errors
///
/// That of a system call.
pub(crate) fn mutex(run: &Run) -> Result<Truth> {
    let mutex = Arc::new(Mutex::of(Kind::Plain).map_err(Error::of("create a mutex"))?);
    let subject = subject("mutex", "user mutex", "wait_for_pthread_mutex", &*mutex);
    let Run { duration, hold, .. } = *run;
    hammer(run, subject, Counting::EachSwitch, move || {
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

/// How many epoll instances watch the eventfd. Whoever writes to it tells them all with the
/// spinlock held: some microseconds, without which two CPUs hardly ever meet there.
const WATCHERS: usize = 64;

/// An eventfd, and who watches it.
struct Watched {
    eventfd: OwnedFd,
    _watchers: Vec<OwnedFd>,
}

impl Watched {
    fn new() -> io::Result<Self> {
        // SAFETY: takes integers.
        let eventfd = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let watchers = (0..WATCHERS)
            .map(|_| {
                // SAFETY: takes integers.
                let watcher = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
                let mut event = libc::epoll_event {
                    events: libc::EPOLLIN.unsigned_abs(),
                    u64: 0,
                };
                let (epoll, add) = (watcher.as_raw_fd(), libc::EPOLL_CTL_ADD);
                // SAFETY: reads the event.
                match unsafe { libc::epoll_ctl(epoll, add, eventfd.as_raw_fd(), &raw mut event) } {
                    0 => Ok(watcher),
                    _ => Err(io::Error::last_os_error()),
                }
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            eventfd,
            _watchers: watchers,
        })
    }
}

/// A descriptor that was just opened, and is nobody else's.
fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    match fd {
        // SAFETY: all callers have just opened it.
        0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The spinlock of one eventfd. A thread cannot know whether it spun: of the truth there is
/// only that there were no more waits than calls, nor longer.
///
/// # Errors
///
/// That of a system call.
pub(crate) fn spinlock(run: &Run) -> Result<Truth> {
    let watched = Arc::new(Watched::new().map_err(Error::of("create an eventfd"))?);
    let subject = Subject {
        name: "eventfd",
        r#type: "spinlock",
        caller: "eventfd_write",
        ..Subject::default()
    };
    let duration = run.duration;
    hammer(run, subject, Counting::EachCall, move || {
        let watched = Arc::clone(&watched);
        move |meter: &mut Meter| {
            let deadline = Instant::now() + duration;
            while Instant::now() < deadline {
                for _ in 0..WRITES_AT_ONCE {
                    write_to_eventfd(&watched.eventfd)?;
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
fn hammer<W>(run: &Run, subject: Subject, counting: Counting, work: impl Fn() -> W) -> Result<Truth>
where
    W: FnOnce(&mut Meter) -> io::Result<()> + Send + 'static,
{
    let members: Vec<crew::Member<Meter>> = (0..=run.waiters)
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
