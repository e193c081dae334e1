#![doc = include_str!("../README.md")]

mod architecture;
mod code;
#[doc(hidden)]
pub mod fuzzing;
pub mod guest;
mod image;
pub mod process;

pub use ebpf_base::{Error, Finding, KernelVersion, Result, progress};

pub use crate::{
    architecture::{Architecture, ParseArchitectureError},
    code::Code,
    image::{
        AvailablePackage, Image, KernelEntry, KernelRelease, KernelSpec, KernelTarget, Kernels,
        ParseKernelSpecError, SourcePackage,
    },
};
