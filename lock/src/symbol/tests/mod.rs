//! Real programs, blocked in real locks.

mod classes;
mod programs;
mod runtimes;
mod rust_locks;
mod waiting_process;
