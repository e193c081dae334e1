//! Addresses to names, and which names belong to the locking code.

pub(crate) mod kernel;
pub(crate) mod locking;
