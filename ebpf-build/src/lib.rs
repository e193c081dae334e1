#![doc = include_str!("../README.md")]

mod build;
mod candidates;
mod check;
mod code;
mod command;
mod compile_error;
mod embed;
mod explanation;
pub mod file;
pub mod linker;
#[cfg(feature = "relocatable")]
mod relocatable;
pub mod settings;
#[cfg(feature = "skeleton")]
mod skeleton;
mod strip;
mod target;
pub mod toolchain;
mod tools;

pub use ebpf_base::{Error, Finding, KernelVersion, Result, Severity, finding, progress, stub};

#[cfg(feature = "relocatable")]
pub use crate::relocatable::relocatable;
pub use crate::{
    build::{Artifact, Build, SHARED_BUILD_DIR},
    candidates::Candidates,
    check::{WARNING_CODES, check, is_panic, panic_fix},
    code::Code,
    command::FOREIGN_VARIABLES,
    embed::{Embed, REQUIRED_ENV, embed},
    explanation::{Explanation, explanation},
    strip::strip_debug,
    target::{Cpu, Target},
    tools::{BuildTools, UnusedPin},
};
