//! One JSON document a command, versioned, alone on stdout.

use std::io::{self, Write as _};

use ebpf_base::stdout;
use ebpf_build::{Error, Finding, Result};
use serde::Serialize;

use crate::code::Code;

/// Version of every JSON document written here. Raised when a field changes its
/// meaning or goes away; new fields do not raise it.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a, T: Serialize> {
    schema: u32,
    #[serde(flatten)]
    report: &'a T,
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema: u32,
    error: &'a Finding,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [Finding],
}

/// Writes `report` to stdout.
pub(super) fn write(report: &impl Serialize) -> Result<()> {
    print(&Document {
        schema: SCHEMA,
        report,
    })
}

/// Writes the error that ended a command to stdout, as `{"schema": .., "error": ..}`.
///
/// # Errors
/// When stdout cannot be written to.
pub(super) fn write_error(error: &Error) -> Result<()> {
    print(&ErrorDocument {
        schema: SCHEMA,
        error: error.finding(),
        details: error.details(),
    })
}

fn print(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document).map_err(|cause| {
        Error::new(Code::Json, "could not write the result as JSON").because(cause.to_string())
    })?;
    let mut stdout = io::stdout().lock();
    stdout::written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}
