//! Where snapshots come from.

pub(crate) mod feed;
pub(crate) mod replay;
