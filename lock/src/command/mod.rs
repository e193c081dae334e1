//! Glue: one file a command.

pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod workload;
