//! This machine: the only spawner of programs, and what the running kernel offers.

pub mod kernel;
