//! The objects of the tests: programs that read what user space knows, too.

/// The program of `examples/exec`.
pub const EXAMPLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/exec"));

/// Programs for BPF, or a stub where there is no toolchain for it.
pub const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/relocatable"));
