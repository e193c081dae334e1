//! The kernel's verifier: loading programs through it and reading what it says.
//!
//! An object's bytes go in, [`observation`]s come out, and [`crate::verdict`] makes
//! verdicts of them. Only the running kernel is asked: no project, no folder and no other program is
//! needed, so that the same code runs in a guest. Nothing outlives the process: a program
//! is attached for a moment and only where that was asked for, nothing is pinned.

mod attach;
mod attach_target;
pub(crate) mod bpftool;
mod externs;
mod features;
pub(crate) mod load;
mod map_limits;
mod maps;
pub(crate) mod observation;
pub(crate) mod outcome;
mod program;
mod reason;
mod references;
pub(crate) mod replaced;
mod syscall;
