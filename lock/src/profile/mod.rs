//! What was recorded, added up and put in order. Plain data: nothing here asks a kernel.

pub(crate) mod calibration;
pub(crate) mod deadlock;
pub(crate) mod diff;
pub(crate) mod feed;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod futex_role;
pub(crate) mod group;
pub(crate) mod histogram;
pub(crate) mod label;
pub(crate) mod lock_type;
pub(crate) mod merge;
pub(crate) mod metrics;
pub(crate) mod snapshot;
pub(crate) mod snapshot_builder;
pub(crate) mod tasks;
