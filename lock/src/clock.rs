//! The clocks of a recording.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// CLOCK_MONOTONIC, in nanoseconds: the clock of the programs.
pub(crate) fn monotonic_ns() -> u64 {
    // This clock always exists.
    let now = time(libc::CLOCK_MONOTONIC).unwrap_or_default();
    now.as_secs() * 1_000_000_000 + u64::from(now.subsec_nanos())
}

/// The time of a clock, such as that of another process's CPU time. None if it does not exist.
pub(crate) fn time(clock: libc::clockid_t) -> Option<Duration> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is what the call writes.
    let result = unsafe { libc::clock_gettime(clock, &raw mut now) };
    (result == 0).then(|| Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32))
}

/// The CPU time of this thread, user and system.
pub(crate) fn thread_cpu() -> Duration {
    time(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default()
}

/// The CPU time of a process, user and system.
pub(crate) fn cpu_time(usage: &libc::rusage) -> Duration {
    [usage.ru_utime, usage.ru_stime]
        .into_iter()
        .map(|time| {
            let microseconds = Duration::from_micros(time.tv_usec.cast_unsigned());
            Duration::from_secs(time.tv_sec.cast_unsigned()).saturating_add(microseconds)
        })
        .sum()
}

/// Milliseconds since 1970. Only told: it may be set while recording.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}
