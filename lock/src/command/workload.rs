//! `lock workload`: contention whose truth is known.

use std::{process::ExitCode, time::Duration};

use crate::{
    cli::{self, Format},
    error::Result,
    output::Output,
    view,
    workload::{
        report,
        shared_position::{self, Plan},
    },
};

/// Makes contention, then tells what it was.
pub(crate) fn run(arguments: &cli::Workload) -> Result<ExitCode> {
    let plan = Plan {
        duration: arguments.duration,
        waiters: arguments.waiters,
        hold: Duration::from_millis(arguments.hold.into()),
    };
    let truth = shared_position::run(&plan)?;
    let text = match arguments.format {
        Format::Human => report::human(&truth),
        Format::Json => view::document::document(&report::Document::from(&truth))?,
    };
    Output::Stdout.write(&text)?;
    Ok(ExitCode::SUCCESS)
}
