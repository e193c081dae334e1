//! Contention whose truth is known from outside the kernel, to hold reports against.

pub(crate) mod report;
pub(crate) mod shared_position;
