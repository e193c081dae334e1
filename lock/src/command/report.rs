//! `lock report`: a recording, shown.

use std::process::ExitCode;

use crate::{
    cli::report::{Report, ReportOptions},
    error::Result,
    output::Output,
    profile::snapshot::Snapshot,
    recording::Recording,
    view,
};

/// Reads a recording and reports it.
pub(crate) fn run(arguments: &Report) -> Result<ExitCode> {
    let output = Output::prepare(arguments.options.output.clone())?;
    let snapshot = Recording::open(&arguments.recording)?.merge();
    write(&snapshot, &arguments.options, &output)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the report of what was recorded.
pub(crate) fn write(snapshot: &Snapshot, options: &ReportOptions, output: &Output) -> Result<()> {
    let report = view::render(snapshot, options, output.columns())?;
    if options.format.is_binary() {
        output.write_binary(&report)
    } else {
        output.write(&report)
    }
}
