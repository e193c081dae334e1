//! The program that programs of section `freplace/` replace a function of.

use std::os::fd::OwnedFd;

use ebpf_base::btf::{Kind, find_id};

/// An object, and which program of it is meant; none for its only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// The bytes of the ELF file.
    pub data: Vec<u8>,
    /// The name of the program.
    pub program: Option<String>,
}

/// It, loaded.
#[derive(Debug)]
pub(super) struct LoadedTarget {
    pub program: OwnedFd,
    /// The BTF that it was loaded with.
    pub types: Vec<u8>,
}

impl LoadedTarget {
    /// The number of the type of one of its functions.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        find_id(&self.types, Kind::Func, name)
    }
}
