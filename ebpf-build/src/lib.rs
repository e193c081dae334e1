//! Find a toolchain that can build Rust for BPF, build one eBPF crate with it, and
//! hand back a checked object.
//!
//! For a build script there is one call, [`embed`]. Its parts are for tools:
//! [`toolchain`] finds a compiler with the library sources of its own version,
//! [`linker`] a bpf-linker that is proven to fit it, [`build`] runs cargo for one
//! crate, and [`check`] says whether the object is one that kernels can load.

pub mod build;
mod check;
mod embed;
mod file;
pub mod linker;
pub mod progress;
pub mod settings;
mod strip;
pub mod target;
pub mod toolchain;

pub use ebpf_base::{Error, Finding, KernelVersion, Result, Severity, finding};

pub use crate::{
    check::{WARNINGS, check},
    embed::{Embed, REQUIRED, STUB_MARK, embed},
    file::write_atomically,
    strip::strip_debug,
    target::{Cpu, Target},
};
