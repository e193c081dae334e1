//! `lock workload`: contention with known ground truth.

use std::process::ExitCode;

use lock_workload::{Document, Plan, Scenario, summary};

use crate::{
    cli::{self, Format},
    error::{Error, Result},
    output::Output,
    view,
};

/// Generates contention, then prints its ground truth.
pub(crate) fn run(arguments: &cli::Workload) -> Result<ExitCode> {
    if arguments.list {
        Output::Stdout.write(list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = arguments.scenario;
    let mut plan = Plan::new(arguments.duration);
    plan.waiters = arguments.waiters;
    plan.hold = arguments.hold;
    let truth = scenario.run(&plan).map_err(failed)?;
    let text = match arguments.format {
        Format::Human => summary(scenario, &truth),
        Format::Json => view::document::document(&Document::new(scenario, &truth))?,
    };
    Output::Stdout.write(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: lock_workload::Error) -> Error {
    let failure = Error::new("workload", error.to_string());
    match std::error::Error::source(&error) {
        Some(cause) => failure.because_of(cause),
        None => failure,
    }
}

/// All scenarios, one per line.
fn list() -> String {
    Scenario::all().fold(String::new(), |text, scenario| {
        text + &format!("{:<18} {}\n", scenario.name(), scenario.description())
    })
}
