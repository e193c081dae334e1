//! `cargo ebpf`: takes a Rust eBPF crate from a clean machine to an object that is
//! built with the right flags, checked, verified by real kernels, and run.
//!
//! The program is all there is to use; it is a library only so that the fuzz targets
//! can reach its parsers.

mod agent;
mod budget;
mod cli;
mod command;
mod diagnosis;
mod doctor;
#[doc(hidden)]
pub mod fuzzing;
mod guest;
mod host;
mod interrupt;
mod kernels;
mod link;
mod matrix;
mod min_kernel;
mod object;
mod object_file;
mod outcome;
mod progress;
mod project;
mod report;
mod requirements;
mod setup;
mod testing;
mod verdict;
mod verifier;
mod verifier_log;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;
use ebpf_build::Result;

use crate::{
    cli::{Cli, Command, Format},
    outcome::Outcome,
};

/// The program: reads its own arguments, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(arguments());
    // What a signal broke off ends in an error of some kind; the signal is its cause.
    match run(&cli).map_err(|error| interrupt::cleared().err().unwrap_or(error)) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            // The error still goes to stderr when stdout is gone.
            let _ = match cli.global.format {
                Format::Human => Ok(()),
                Format::Json => report::json::write_error(&error),
                Format::Github => report::github::write_error(&error),
            };
            report::human::tell_error(&error);
            Outcome::of_error(&error).into()
        }
    }
}

/// Our arguments. `cargo ebpf build` runs `cargo-ebpf ebpf build`: that first word
/// is cargo's, not the user's.
fn arguments() -> impl Iterator<Item = OsString> {
    let mut arguments = std::env::args_os().peekable();
    let program = arguments.next();
    arguments.next_if(|first| first == "ebpf");
    program.into_iter().chain(arguments)
}

fn run(cli: &Cli) -> Result<Outcome> {
    match cli.command {
        Command::TestRunner(_) => interrupt::outlive()?,
        _ => interrupt::watch()?,
    }
    let global = &cli.global;
    match &cli.command {
        Command::Setup(request) => command::setup::run(request, global),
        Command::Doctor => command::doctor::run(global),
        Command::Build(request) => command::build::run(request, global),
        Command::Inspect(request) => command::inspect::run(request, global),
        Command::Requirements(request) => command::requirements::run(request, global),
        Command::Verify(request) => command::verify::run(request, global),
        Command::Kernels(request) => command::kernels::run(request, global),
        Command::Run(request) => command::run::run(request, global),
        Command::Test(request) => command::test::run(request, global),
        Command::Explain(request) => command::explain::run(request, global),
        Command::Env => command::env::run(global),
        Command::Clean(request) => command::clean::run(request, global),
        Command::Agent(request) => command::agent::run(request),
        Command::TestRunner(request) => testing::runner::run(request, global),
    }
}
