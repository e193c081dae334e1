//! Glue: one file a command.

pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod workload;
