//! The kernel's verifier: loading programs through it and reading what it says.
//!
//! An object's bytes go in, a [`verdict::Object`] comes out. Only the running kernel
//! is asked: no project, no folder and no other program is needed, so that the same
//! code can run in a guest. Nothing outlives the process: no program is attached,
//! nothing is pinned.

mod attach_target;
pub(crate) mod bpftool;
mod elf;
mod features;
mod judge;
pub(crate) mod load;
mod log;
pub(crate) mod log_file;
mod maps;
pub(crate) mod origin;
mod program;
mod relocate;
mod shield;
mod syscall;
mod type_id;
pub(crate) mod verdict;
