//! Where snapshots come from.

pub(crate) mod live;
