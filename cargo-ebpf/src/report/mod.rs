//! One result, several writers. Results go to stdout; everything else (progress,
//! warnings, errors, output of programs that are run) goes to stderr.

pub(crate) mod bindings;
pub(crate) mod build;
pub(crate) mod clean;
mod console;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod explain;
pub(crate) mod explain_log;
pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod json;
pub(crate) mod kernels;
pub(crate) mod listing;
pub(crate) mod new;
mod progress;
pub(crate) mod requirements;
pub(crate) mod run;
pub(crate) mod setup;
mod stages;
mod table;
pub(crate) mod test_kernels;
pub(crate) mod test_log;
pub(crate) mod verify;

use ebpf_build::Finding;
use serde::Serialize;

pub(crate) use self::{
    console::{Console, Format},
    stages::Stages,
};

/// A result that a command can show: its fields are the JSON document, and it
/// knows how to say itself to a person.
pub(crate) trait Report: Serialize {
    /// The text for a person, without a trailing newline.
    fn human(&self) -> String;

    /// What it found, for annotations: each at the place that a person would go to.
    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }
}
