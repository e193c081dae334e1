#![doc = include_str!("../README.md")]

mod chain;
mod crew;
mod error;
mod hammer;
mod interrupted;
mod join;
mod meter;
mod mmap;
mod posix;
mod pthread;
mod raw_futex;
mod report;
mod rounds;
mod rust_locks;
mod scenario;
mod shared_memory;
mod shared_position;
mod truth;

pub use crate::{
    error::{Error, Result},
    report::{Document, summary},
    scenario::{Plan, Scenario},
    truth::{Figures, Lock, Pair, Subject, Truth},
};
