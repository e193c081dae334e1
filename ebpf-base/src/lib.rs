#![doc = include_str!("../README.md")]

pub mod btf;
pub mod capability;
pub mod child;
mod codes;
mod error;
mod file;
pub mod finding;
mod kernel_version;
pub mod memlock;
mod program;
pub mod progress;
pub mod stdout;
pub mod stub;
pub mod syscall;
pub mod temporary;
pub mod units;
pub mod untrusted;

pub use crate::{
    error::{Error, Result},
    file::{MAX_TEXT, read_file, read_text, write_atomically},
    finding::{Finding, Severity},
    kernel_version::{KernelVersion, ParseKernelVersionError, kernel_release},
    program::{find_program, find_program_in},
};
