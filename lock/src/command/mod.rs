//! Glue: one file a command.

pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod top;
pub(crate) mod workload;
