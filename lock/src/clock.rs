//! The clocks of a recording.

use std::time::{SystemTime, UNIX_EPOCH};

/// CLOCK_MONOTONIC, in nanoseconds: the clock of the programs.
pub(crate) fn monotonic_ns() -> u64 {
    // SAFETY: timespec is plain data, for which zero is a value.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: writes one timespec. This clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Milliseconds since 1970. Only told: it may be set while recording.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}
