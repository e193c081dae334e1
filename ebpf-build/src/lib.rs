//! Find a toolchain that can build Rust for BPF, build one eBPF crate with it,
//! and hand back a checked object.

mod error;
pub mod finding;
pub mod progress;
pub mod target;

pub use crate::{
    error::{Error, Result},
    finding::{Finding, Severity},
    target::{Cpu, Target},
};
