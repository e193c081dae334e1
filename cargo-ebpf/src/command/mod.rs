//! One file per command: glue between the request and the parts that do the work.

pub(crate) mod agent;
pub(crate) mod bindings;
pub(crate) mod build;
pub(crate) mod clean;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod explain;
mod explain_log;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod kernels;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod requirements;
pub(crate) mod run;
pub(crate) mod setup;
pub(crate) mod test;
pub(crate) mod verify;
