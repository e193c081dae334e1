#![doc = include_str!("../README.md")]

mod error;
mod kernel;
mod kind;
mod load;
mod run;
mod skip;

/// The aya whose types [`Loaded`] gives access to: use it in place of a dependency, and the
/// versions are always the same.
pub use aya;
pub use ebpf_diagnosis::Diagnosis;

pub use crate::{
    error::{Error, ErrorKind},
    kernel::{require_btf, require_kernel},
    load::{Loaded, load, load_with, verify},
    run::{Input, Output, run},
    skip::{SKIPS, skip},
};

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
