//! Several workloads, one after the other, as the one command of a recording.

use std::{env, process::ExitCode};

use serde_json::{Value, json};
use test_support::Failed;

use crate::record::{document, lock};

/// The argument that asks for it; scenarios follow.
pub(crate) const WORD: &str = "workloads";

/// How long each goes on, in seconds. Its last round may take longer.
const SECONDS: &str = "0.5";

/// What this process was started for, if it is this.
pub(crate) fn asked_for() -> Option<impl Iterator<Item = String>> {
    let mut arguments = env::args().skip(1);
    (arguments.next()? == WORD).then_some(arguments)
}

/// Runs each, and writes what they say of themselves, with their process numbers.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command like any other"
)]
pub(crate) fn run(scenarios: impl Iterator<Item = String>) -> ExitCode {
    let truths: Result<Vec<Value>, Failed> = scenarios.map(|name| run_one(&name)).collect();
    match truths {
        Ok(truths) => {
            println!("{}", Value::from(truths));
            ExitCode::SUCCESS
        }
        Err(failed) => {
            eprintln!("{}", failed.message());
            ExitCode::FAILURE
        }
    }
}

fn run_one(scenario: &str) -> Result<Value, Failed> {
    let mut command = lock()?;
    command.args([
        "workload",
        scenario,
        "--duration",
        SECONDS,
        "--format",
        "json",
    ]);
    let (process, truth) = document(&mut command)?;
    Ok(json!({ "process": process, "truth": truth }))
}
