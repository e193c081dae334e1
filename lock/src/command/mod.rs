//! Glue: one file a command.

pub(crate) mod diff;
pub(crate) mod record;
pub(crate) mod workload;
