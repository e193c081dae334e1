//! This machine: the only spawner of programs, and what the running kernel offers.

pub(crate) mod environment;
pub(crate) mod kernel;
pub(crate) mod process;
pub(crate) mod root;
