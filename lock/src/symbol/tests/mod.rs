//! Real programs, blocked in real locks.

mod programs;
mod rust_locks;
mod victim;
