//! What was recorded, as plain data, and what follows from it. Nothing here knows of a
//! kernel: all of it is tested from literals.

pub(crate) mod aggregate;
pub(crate) mod blind_spots;
pub(crate) mod lock_type;
pub(crate) mod ranking;
pub(crate) mod snapshot;
