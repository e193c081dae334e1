//! Contention whose truth is known from outside the kernel, to hold reports against.
//!
//! A [`scenario`] makes it and comes to a [`truth`]. Most go in [`rounds`]: one thread of the
//! [`crew`] holds a lock, the others wait for it once each, and a [`meter`] in each thread
//! measures that.

mod chain;
mod crew;
mod hammer;
mod interrupted;
mod join;
mod meter;
mod mmap;
mod posix;
mod pthread;
mod raw_futex;
mod rounds;
mod rust_locks;
pub(crate) mod scenario;
mod shared_memory;
mod shared_position;
pub(crate) mod truth;

use std::time::Duration;

/// What to do.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// How long in all. The round that is under way then is finished.
    duration: Duration,
    /// How many threads wait in each round.
    waiters: u32,
    /// How long the lock is to be held in each round.
    hold: Duration,
}
