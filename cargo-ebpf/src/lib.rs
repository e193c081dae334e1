//! `cargo ebpf`: takes a Rust eBPF crate from a clean machine to an object that is
//! built with the right flags, checked, verified by real kernels, and run.
//!
//! The program is all there is to use; it is a library only so that the fuzz targets
//! can reach its parsers.

mod agent;
mod bindings;
mod budget;
mod call_sites;
mod cli;
mod code;
mod command;
mod context;
mod doctor;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod interrupt;
mod kernels;
mod matrix;
mod min_kernel;
mod object_file;
mod outcome;
mod project;
mod report;
mod setup;
mod template;
mod testing;
mod verdict;
mod verifier;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use ebpf_base::stdout;
use ebpf_build::Result;

use crate::{
    cli::{Cli, Command},
    context::Context,
    outcome::Outcome,
    report::Console,
};

/// The program: reads its own arguments, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(arguments()).and_then(with_its_format) {
        Ok(cli) => cli,
        Err(shown) => return show(&shown),
    };
    let context = Context::new(&cli.global);
    // What a signal broke off ends in an error of some kind; the signal is its cause.
    let outcome =
        run(&cli.command, &context).map_err(|error| interrupt::cleared().err().unwrap_or(error));
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            context.console.error(&error);
            Outcome::of_error(&error).into()
        }
    }
}

/// # Errors
/// When a command is to print another format than the one that it has.
fn with_its_format(cli: Cli) -> std::result::Result<Cli, clap::Error> {
    match (&cli.command, cli.global.format) {
        (_, cli::Format::Human) => Ok(cli),
        (Command::Man | Command::Completions(_), _) => Err(Cli::command().error(
            ErrorKind::ArgumentConflict,
            "`man` and `completions` have only one output format",
        )),
        _ => Ok(cli),
    }
}

/// Prints help or the version to stdout, or why the arguments make no sense to stderr.
fn show(shown: &clap::Error) -> ExitCode {
    let printed = shown.print().and_then(|()| io::stdout().flush());
    match stdout::written(printed) {
        Err(error) if !shown.use_stderr() => {
            Console::default().error(&error);
            Outcome::of_error(&error).into()
        }
        _ => u8::try_from(shown.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
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

fn run(command: &Command, context: &Context) -> Result<Outcome> {
    match command {
        Command::TestRunner(_) => interrupt::outlive()?,
        _ => interrupt::watch()?,
    }
    match command {
        Command::New(request) => command::new::run(request, context),
        Command::Init(request) => command::init::run(request, context),
        Command::Setup(request) => command::setup::run(request, context),
        Command::Doctor => command::doctor::run(context),
        Command::Build(request) => command::build::run(request, context),
        Command::Inspect(request) => command::inspect::run(request, context),
        Command::Requirements(request) => command::requirements::run(request, context),
        Command::Bindings(request) => command::bindings::run(request, context),
        Command::Verify(request) => command::verify::run(request, context),
        Command::Kernels(request) => command::kernels::run(request, context),
        Command::Run(request) => command::run::run(request, context),
        Command::Test(request) => command::test::run(request, context),
        Command::Explain(request) => command::explain::run(request, context),
        Command::Env => command::env::run(context),
        Command::Clean(request) => command::clean::run(request, context),
        Command::Man => command::man::run(),
        Command::Completions(request) => command::completions::run(request),
        Command::Agent(request) => command::agent::run(request, context),
        Command::TestRunner(request) => testing::runner::run(&request.command, &context.spawner),
    }
}
