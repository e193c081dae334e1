//! Glue: one file a command.

pub(crate) mod record;
pub(crate) mod top;
pub(crate) mod workload;
