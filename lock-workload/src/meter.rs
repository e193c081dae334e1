//! Measures calls that may wait, from the thread that makes them.
//!
//! Whether a call waited is known from outside the lock: the kernel counts how often a thread
//! left its CPU of its own accord, and the calls measured here do so for nothing but the lock.
//! How long it was off the CPU is known, too: it is the time by the clock less the time by
//! the thread's CPU clock.

use std::{fs::File, io, mem::MaybeUninit, os::unix::fs::FileExt as _, time::Instant};

use crate::truth::Figures;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With the lock.
    Acquired,
    /// At the time that was given.
    TimedOut,
    /// By a signal.
    Interrupted,
}

/// How a thread's switches in a call are counted as waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// User locks: each switch is a wait, without one there was none.
    EachSwitch,
    /// Kernel locks: a call with switches waited once, however often it slept; without one it
    /// may have waited without sleeping.
    EachCall,
}

/// The measurements of one thread.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The thread's own, opened at its first call. None if the kernel has none.
    delays: Option<Option<File>>,
    counting: Counting,
    /// By lock.
    figures: Vec<Figures>,
}

impl Meter {
    /// For this many locks.
    pub(crate) fn new(counting: Counting, locks: usize) -> Self {
        Self {
            delays: None,
            counting,
            figures: vec![Figures::default(); locks],
        }
    }

    /// The measurements, by lock.
    pub(crate) fn into_figures(self) -> Vec<Figures> {
        self.figures
    }

    /// Counts calls that were not measured: they may have waited.
    pub(crate) fn count_unsure(&mut self, lock: usize, calls: u64) {
        if let Some(figures) = self.figures.get_mut(lock) {
            figures.calls += calls;
            figures.unsure += calls;
        }
    }

    /// Makes a call that may wait for a lock, and nothing else.
    ///
    /// # Errors
    ///
    /// That of the call, or of the thread's counters.
    pub(crate) fn call(
        &mut self,
        lock: usize,
        wait: impl FnOnce() -> io::Result<Ended>,
    ) -> io::Result<Ended> {
        let delays = self.delays.get_or_insert_with(|| {
            // A kernel without CONFIG_SCHED_INFO has none.
            File::open("/proc/thread-self/schedstat").ok()
        });
        // To read a file can take memory, for which a thread may have to wait: outside of
        // what is counted.
        let delay_before = delays.as_ref().and_then(delay);
        let before = Counters::read()?;
        let begin = Instant::now();
        let ended = wait()?;
        let took = begin.elapsed();
        let after = Counters::read()?;
        let delay_after = delays.as_ref().and_then(delay);
        let mut spent = after.since(&before);
        spent.delay_ns = delay_after
            .zip(delay_before)
            .map(|(after, before)| after.saturating_sub(before));
        if let Some(figures) = self.figures.get_mut(lock) {
            let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            figures.enter(self.counting, ended, took_ns, &spent);
        }
        Ok(ended)
    }
}

impl Figures {
    fn enter(&mut self, counting: Counting, ended: Ended, took_ns: u64, spent: &Counters) {
        self.calls += 1;
        match (counting, spent.voluntary) {
            (Counting::EachSwitch, 0) => {
                self.without_wait += 1;
                return;
            }
            (Counting::EachCall, 0) => {
                self.unsure += 1;
                self.unsure_max_ns = self.unsure_max_ns.max(took_ns);
                return;
            }
            (_, _) => {}
        }
        let waits = match counting {
            Counting::EachSwitch => spent.voluntary,
            Counting::EachCall => 1,
        };
        let mut loose = false;
        match ended {
            Ended::Acquired => {
                self.min_ns = match self.total_ns {
                    0 => took_ns,
                    _ => self.min_ns.min(took_ns),
                };
                self.max_ns = self.max_ns.max(took_ns);
                self.waits += waits;
                self.repeated += u64::from(waits > 1);
                self.total_ns += took_ns;
                self.on_cpu_ns += spent.cpu_ns.min(took_ns);
            }
            Ended::TimedOut | Ended::Interrupted => {
                // Woken for nothing before.
                self.waits += waits - 1;
                self.not_acquired_ns += took_ns;
                loose |= waits > 1;
                match ended {
                    Ended::TimedOut => self.timed_out += 1,
                    _ => self.interrupted += 1,
                }
            }
        }
        if spent.preempted > 0 && !loose {
            // The way to the CPU after the wait is in it as well: it is the most.
            self.loose_ns += spent.delay_ns.unwrap_or(took_ns).min(took_ns);
        }
        if loose {
            self.loose_ns += took_ns;
        }
    }
}

/// What the kernel counts of this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counters {
    /// How often it left its CPU to wait for something.
    voluntary: u64,
    /// How often it left its CPU while it could have gone on.
    preempted: u64,
    /// Its time on a CPU, in nanoseconds.
    cpu_ns: u64,
    /// How long it could have gone on and had no CPU, in nanoseconds.
    delay_ns: Option<u64>,
}

impl Counters {
    fn read() -> io::Result<Self> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: writes one rusage to the pointer that it is given.
        if unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: plain data, for which zero is a value.
        let usage = unsafe { usage.assume_init() };
        let mut cpu = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: writes one timespec.
        if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut cpu) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            voluntary: usage.ru_nvcsw.unsigned_abs(),
            preempted: usage.ru_nivcsw.unsigned_abs(),
            cpu_ns: cpu.tv_sec.unsigned_abs() * 1_000_000_000 + cpu.tv_nsec.unsigned_abs(),
            delay_ns: None,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            voluntary: self.voluntary.saturating_sub(before.voluntary),
            preempted: self.preempted.saturating_sub(before.preempted),
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            delay_ns: None,
        }
    }
}

/// The second number of `/proc/PID/schedstat`: the time on the run queue, in nanoseconds.
fn delay(schedstat: &File) -> Option<u64> {
    let mut text = [0; 64];
    let length = schedstat.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::{Counting, Ended, Meter};

    #[test]
    fn a_sleep_is_one_wait_and_its_time_is_off_the_cpu() {
        let mut meter = Meter::new(Counting::EachSwitch, 1);
        for ended in [Ended::Acquired, Ended::TimedOut, Ended::Interrupted] {
            let sleep = || {
                thread::sleep(Duration::from_millis(5));
                Ok(ended)
            };
            assert_eq!(meter.call(0, sleep).unwrap(), ended);
        }
        meter.call(0, || Ok(Ended::Acquired)).unwrap();
        let figures = meter.into_figures()[0];
        assert_eq!((figures.calls, figures.waits), (4, 1), "{figures:?}");
        assert_eq!((figures.timed_out, figures.interrupted), (1, 1));
        assert_eq!(figures.without_wait, 1);
        assert!((5_000_000..=figures.max_ns).contains(&figures.min_ns));
        assert!(figures.not_acquired_ns >= 10_000_000, "{figures:?}");
        assert!(figures.on_cpu_ns < figures.total_ns / 10, "{figures:?}");
    }

    #[test]
    fn a_kernel_lock_may_be_waited_for_without_sleeping() {
        let mut meter = Meter::new(Counting::EachCall, 1);
        meter.call(0, || Ok(Ended::Acquired)).unwrap();
        let figures = meter.into_figures()[0];
        assert_eq!((figures.waits, figures.unsure), (0, 1));
    }
}
