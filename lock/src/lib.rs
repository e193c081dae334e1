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
    env,
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// The program: reads its own arguments, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(arguments(env::args_os())) {
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

/// The program's arguments. clap takes what follows `help` for the name of a command, even
/// `--help`; `help` instead of it shows the help of `help`.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = given.collect();
    if let [_, command, flag] = arguments.as_mut_slice()
        && command == "help"
        && (flag == "-h" || flag == "--help")
    {
        *flag = OsString::from("help");
    }
    arguments
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{Parser as _, error::ErrorKind};

    use super::{Cli, arguments};

    #[test]
    fn help_has_a_help() {
        for flag in ["-h", "--help"] {
            let given = ["lock", "help", flag].map(OsString::from);
            let shown = Cli::try_parse_from(arguments(given.into_iter())).expect_err("help");
            assert_eq!(shown.kind(), ErrorKind::DisplayHelp);
            assert!(shown.to_string().contains("lock help"), "{shown}");
        }
    }
}
