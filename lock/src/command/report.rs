//! `lock report`: a recording, shown.

use std::process::ExitCode;

use crate::{
    cli::report::{Report, ReportOptions},
    error::{Error, Result},
    output::Output,
    profile::snapshot::Snapshot,
    view,
};

/// Reads a recording and reports it.
pub(crate) fn run(arguments: &Report) -> Result<ExitCode> {
    let output = Output::prepare(arguments.options.output.clone())?;
    let snapshot = read(&arguments.recording)?;
    write(&snapshot, &arguments.options, &output)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the report of what was recorded.
pub(crate) fn write(snapshot: &Snapshot, options: &ReportOptions, output: &Output) -> Result<()> {
    output.write(&view::render(snapshot, options, output.columns())?)
}

fn read(path: &std::path::Path) -> Result<Snapshot> {
    Err(Error::new(
        "in-the-works",
        format!("recordings as {} cannot be read yet", path.display()),
    ))
}
