//! `lock`: which locks did it wait for, where, who had them, and for how long?
//!
//! Data flows one way: maps in the kernel -> snapshot -> groups -> ranking -> view.
//!
//! The program is all there is to use; it is a library only so that the fuzz targets and
//! benches can reach its parsers.

mod arch;
mod cli;
mod clock;
mod command;
mod doctor;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod invocation;
mod output;
mod privileges;
mod probe;
mod profile;
mod recording;
mod server_process;
mod session;
mod source;
mod symbol;
mod thread;
mod view;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// The program: reads its own arguments, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(shown) => return show(&shown),
    };
    let outcome = match cli.command {
        Command::Record(arguments) => command::record::run(*arguments),
        Command::Top(arguments) => command::top::run(&arguments),
        Command::Report(arguments) => command::report::run(&arguments),
        Command::Diff(arguments) => command::diff::run(arguments),
        Command::Doctor(arguments) => command::doctor::run(&arguments),
        Command::Workload(arguments) => command::workload::run(&arguments),
        Command::Completions(arguments) => command::completions::run(&arguments),
        Command::Man(arguments) => command::man::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        error.print();
        error.exit_code()
    })
}

/// Prints help or the version to stdout, or why the arguments make no sense to stderr.
fn show(shown: &clap::Error) -> ExitCode {
    let printed = shown.print().and_then(|()| io::stdout().flush());
    match output::printed(printed) {
        Err(error) if !shown.use_stderr() => {
            error.print();
            error.exit_code()
        }
        _ => u8::try_from(shown.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}
