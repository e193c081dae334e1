//! The running kernel's own types, from its BTF: which tracepoints it has, and where the
//! fields of its structures are. rustc emits no CO-RE relocations, so that offsets have
//! to be looked up here and handed to the programs.

use std::{fs, io};

use ebpf_base::btf::{self, Btf, Kind};

/// All types of a kernel.
#[derive(Debug)]
pub(crate) struct KernelTypes(Btf<'static>);

impl KernelTypes {
    /// Reads the types of the running kernel.
    pub(crate) fn of_running_kernel() -> io::Result<Self> {
        let data = fs::read(btf::VMLINUX)?;
        Btf::parse(data)
            .map(Self)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Whether there is a typedef of this name.
    pub(crate) fn has_typedef(&self, name: &str) -> bool {
        self.0.find(Kind::Typedef, name).is_some()
    }

    /// Whether there is a function of this name that is not inlined everywhere.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.0.find(Kind::Func, name).is_some()
    }

    /// How many parameters a function has that a typedef points to.
    pub(crate) fn parameters_of(&self, typedef: &str) -> Option<usize> {
        self.0.parameters(self.0.find(Kind::Typedef, typedef)?)
    }

    /// Whether an enumeration has a member of this name.
    pub(crate) fn has_enumerator(&self, name: &str) -> bool {
        self.0.has_enumerator(name)
    }

    /// The offset of a field in a structure, in bytes, also where the field is in an
    /// anonymous structure or union within it.
    pub(crate) fn offset(&self, structure: &str, field: &str) -> Option<u32> {
        self.0.field_offset(structure, field)
    }
}
