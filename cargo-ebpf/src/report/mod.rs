//! One result, several writers. Results go to stdout; everything else (progress,
//! warnings, errors, output of programs that are run) goes to stderr.

pub(crate) mod diagnosis;
pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod inspect;
pub(crate) mod json;
pub(crate) mod kernels;
pub(crate) mod listing;
pub(crate) mod requirements;
pub(crate) mod source;
pub(crate) mod verify;

use ebpf_build::{Finding, Result};
use serde::Serialize;

use crate::cli::Format;

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

/// Writes `report` to stdout in `format`. A closed pipe is not an error.
///
/// # Errors
/// When stdout cannot be written to, for example on a full disk.
pub(crate) fn write(report: &impl Report, format: Format) -> Result<()> {
    match format {
        Format::Human => human::write(report),
        Format::Json => json::write(report),
        Format::Github => github::write(report),
    }
}
