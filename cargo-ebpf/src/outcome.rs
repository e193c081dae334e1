//! How a command ended, and the exit code that says so.

use std::process::ExitCode;

use ebpf_build::Error;

use crate::interrupt;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to complain of: exit code 0.
    Fine,
    /// The command worked and found something wrong: exit code 1.
    Found,
    /// A program that the command ran ended with this code.
    Child(u8),
    /// A signal broke it off: exit code 130, as shells give it after Ctrl-C.
    Interrupted,
}

impl Outcome {
    /// What an error that ended the command amounts to.
    pub(crate) fn of_error(error: &Error) -> Self {
        if error.code() == interrupt::CODE.as_str() {
            Self::Interrupted
        } else {
            Self::Found
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Found => Self::from(1),
            Outcome::Child(code) => Self::from(code),
            Outcome::Interrupted => Self::from(130),
        }
    }
}
