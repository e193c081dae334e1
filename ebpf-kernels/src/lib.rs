#![doc = include_str!("../README.md")]

mod code;
#[doc(hidden)]
pub mod fuzzing;
pub mod guest;
mod image;
pub mod process;

pub use ebpf_base::{Error, Finding, KernelVersion, Result, progress};

pub use crate::{
    code::Code,
    image::{
        AvailablePackage, Image, KernelEntry, KernelSpec, KernelTarget, Kernels,
        ParseKernelSpecError, SourcePackage,
    },
};
