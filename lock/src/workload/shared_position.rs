//! Waits for one kernel mutex, each of them known: that of a file's position.
//!
//! Threads share the descriptor of a file in memory. `write` holds the mutex of the file
//! position (`f_pos_lock`, taken in `fdget_pos`) for as long as it copies. Once the file
//! has grown, which shows that the write holds the mutex, each waiter asks for the
//! position with one `lseek`, which takes the same mutex.
//!
//! All threads are kept on one CPU. So whoever finds the mutex held finds its owner
//! off the CPU, does not spin for it, and sleeps: a voluntary context switch, which the
//! kernel counts for each thread. `lseek` has no other reason to sleep. An `lseek` with
//! such a switch waited, one without any switch did not. Only when the thread was
//! preempted and did not sleep as well, this cannot tell; such calls are counted apart.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    mem::MaybeUninit,
    os::fd::{AsRawFd as _, FromRawFd as _, RawFd},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How long in all. The round that is under way then is finished.
    pub(crate) duration: Duration,
    /// How many threads wait in each round.
    pub(crate) waiters: u32,
    /// How long the mutex is to be held in each round.
    pub(crate) hold: Duration,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// How often the mutex was held for a while.
    pub(crate) rounds: u64,
    /// Calls that waited for it.
    pub(crate) waits: u64,
    /// Their time together, in nanoseconds.
    pub(crate) total_ns: u64,
    /// The longest of them, in nanoseconds.
    pub(crate) max_ns: u64,
    /// Calls that came too late to wait.
    pub(crate) too_late: u64,
    /// Calls of which it is not known whether they waited.
    pub(crate) unsure: u64,
}

/// How long a waiter sleeps before it looks again whether the write has begun.
const LOOK_AGAIN: Duration = Duration::from_micros(100);

/// What one write may copy at least and at most, in bytes.
const SMALLEST_WRITE: usize = 64 << 10;
const LARGEST_WRITE: usize = 1 << 30;

/// Makes the contention.
pub(crate) fn run(plan: &Plan) -> Result<Truth> {
    stay_on_this_cpu().map_err(failed("keep its threads on one CPU"))?;
    let file = memory_file().map_err(failed("create a file in memory"))?;
    let begin = Barrier::new(plan.waiters as usize + 1);
    let end = Barrier::new(plan.waiters as usize + 1);
    let over = AtomicBool::new(false);

    let (held, waited) = thread::scope(|scope| {
        let waiters: Vec<_> = (0..plan.waiters)
            .map(|_| scope.spawn(|| wait_rounds(&file, &begin, &end, &over)))
            .collect();
        let held = hold_rounds(plan, &file, &begin, &end, &over);
        let waited: Vec<_> = waiters.into_iter().map(|waiter| waiter.join()).collect();
        (held, waited)
    });
    let mut truth = Truth {
        rounds: held.map_err(failed("write to its file in memory"))?,
        ..Truth::default()
    };
    for waiter in waited {
        let waiter = waiter
            .map_err(|_| Error::new("workload", "a thread of the workload panicked"))?
            .map_err(failed("ask for the position in its file"))?;
        truth.add(&waiter);
    }
    Ok(truth)
}

impl Truth {
    fn add(&mut self, other: &Self) {
        let Self {
            rounds,
            waits,
            total_ns,
            max_ns,
            too_late,
            unsure,
        } = *other;
        self.rounds += rounds;
        self.waits += waits;
        self.total_ns += total_ns;
        self.max_ns = self.max_ns.max(max_ns);
        self.too_late += too_late;
        self.unsure += unsure;
    }
}

fn failed(doing: &str) -> impl Fn(io::Error) -> Error + '_ {
    move |error| {
        Error::new("workload", format!("the workload could not {doing}")).because_of(&error)
    }
}

/// Holds the mutex once a round, and says how often.
fn hold_rounds(
    plan: &Plan,
    mut file: &File,
    begin: &Barrier,
    end: &Barrier,
    over: &AtomicBool,
) -> io::Result<u64> {
    let deadline = Instant::now() + plan.duration;
    let mut content = vec![0_u8; 4 << 20];
    let mut rounds = 0;
    let mut outcome = Ok(());
    loop {
        // Nobody else touches the file now: nothing of this waits.
        outcome = outcome.and_then(|()| {
            file.set_len(0)?;
            file.rewind()
        });
        if outcome.is_err() || Instant::now() >= deadline {
            over.store(true, Ordering::Release);
            begin.wait();
            return outcome.map(|()| rounds);
        }
        begin.wait();
        let before = Instant::now();
        outcome = file.write_all(&content);
        let took = before.elapsed();
        end.wait();
        rounds += 1;
        let fitting = content.len() as f64 * plan.hold.as_secs_f64() / took.as_secs_f64();
        // The clock may not have moved: the cast saturates.
        content.resize((fitting as usize).clamp(SMALLEST_WRITE, LARGEST_WRITE), 0);
    }
}

/// Waits for the mutex once a round.
fn wait_rounds(
    file: &File,
    begin: &Barrier,
    end: &Barrier,
    over: &AtomicBool,
) -> io::Result<Truth> {
    let mut truth = Truth::default();
    let mut outcome = Ok(());
    loop {
        begin.wait();
        if over.load(Ordering::Acquire) {
            return outcome.map(|()| truth);
        }
        if outcome.is_ok() {
            outcome = wait_once(file, &mut truth);
        }
        end.wait();
    }
}

fn wait_once(file: &File, truth: &mut Truth) -> io::Result<()> {
    // Asking for the size does not take the mutex.
    while file.metadata()?.len() == 0 {
        thread::sleep(LOOK_AGAIN);
    }
    let switches = Switches::now()?;
    let before = Instant::now();
    position(file.as_raw_fd())?;
    let took = before.elapsed();
    let Switches {
        voluntary,
        involuntary,
    } = Switches::now()?;
    if voluntary > switches.voluntary {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        truth.waits += 1;
        truth.total_ns += took_ns;
        truth.max_ns = truth.max_ns.max(took_ns);
    } else if involuntary > switches.involuntary {
        truth.unsure += 1;
    } else {
        truth.too_late += 1;
    }
    Ok(())
}

/// How often this thread left its CPU.
#[derive(Debug, Clone, Copy)]
struct Switches {
    voluntary: libc::c_long,
    involuntary: libc::c_long,
}

impl Switches {
    fn now() -> io::Result<Self> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: writes one rusage to the pointer that it is given.
        let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: plain data, for which zero is a value.
        let usage = unsafe { usage.assume_init() };
        Ok(Self {
            voluntary: usage.ru_nvcsw,
            involuntary: usage.ru_nivcsw,
        })
    }
}

/// Asks for the position with exactly one system call.
fn position(fd: RawFd) -> io::Result<()> {
    // SAFETY: takes integers only.
    match unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"lock-workload".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    // memfd_create makes a file whose position has no mutex (no FMODE_ATOMIC_POS). The
    // same file, opened as any other, has it.
    File::options()
        .read(true)
        .write(true)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Keeps this thread, and those that it starts, on the CPU that it runs on.
fn stay_on_this_cpu() -> io::Result<()> {
    // SAFETY: has no preconditions.
    let cpu = unsafe { libc::sched_getcpu() };
    let cpu = usize::try_from(cpu).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: a cpu_set_t is plain data, for which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a CPU beyond the set is ignored; sched_setaffinity then refuses the empty set.
    unsafe { libc::CPU_SET(cpu.min(libc::CPU_SETSIZE as usize - 1), &mut set) };
    // SAFETY: reads a set of the size that is given.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::{Plan, run};

    #[test]
    fn every_call_is_accounted_for_and_most_wait() {
        let plan = Plan {
            duration: Duration::from_millis(300),
            waiters: 3,
            hold: Duration::from_millis(5),
        };
        // The affinity stays with this thread.
        let truth = thread::spawn(move || run(&plan)).join().unwrap().unwrap();
        assert!(truth.rounds > 3, "{truth:?}");
        assert_eq!(
            truth.waits + truth.too_late + truth.unsure,
            truth.rounds * 3
        );
        assert!(truth.waits > truth.rounds, "{truth:?}");
        assert!(truth.max_ns <= truth.total_ns, "{truth:?}");
    }
}
