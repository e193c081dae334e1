//! `lock workload`: contention whose truth is known.

use std::process::ExitCode;

use crate::{
    cli::{self, Format},
    error::Result,
    output::Output,
    view,
    workload::{scenario, truth},
};

/// Makes contention, then tells what it was.
pub(crate) fn run(arguments: &cli::Workload) -> Result<ExitCode> {
    if arguments.list {
        Output::Stdout.write(scenario::list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = arguments.scenario;
    let (truth, exact) = scenario.run(arguments.duration, arguments.waiters, arguments.hold)?;
    let name = scenario.name();
    let text = match arguments.format {
        Format::Human => truth::human(name, exact, &truth),
        Format::Json => view::document::document(&truth::Document::new(name, exact, &truth))?,
    };
    Output::Stdout.write(&text)?;
    Ok(ExitCode::SUCCESS)
}
