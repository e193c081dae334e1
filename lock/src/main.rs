//! A lock contention profiler.
fn main() {}
