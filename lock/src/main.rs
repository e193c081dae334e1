//! `lock`: which locks did it wait for, where, and for how long?
//!
//! Data flows one way: maps in the kernel -> snapshot -> aggregate -> ranking -> view.

mod cli;
mod command;
mod error;
mod output;
mod probe;
mod profile;
mod session;
mod source;
mod symbol;
mod view;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Record(arguments) => command::record::run(arguments),
        Command::Workload(arguments) => command::workload::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        error.tell();
        error.exit_code()
    })
}
