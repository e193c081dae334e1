//! Tests of eBPF programs: running one of a test program, counting what libtest prints,
//! and skipped tests.

pub(crate) mod log;
pub(crate) mod program;
pub(crate) mod runner;
pub(crate) mod skips;
