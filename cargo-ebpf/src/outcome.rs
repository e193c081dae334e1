//! How a command ended, and the exit code that says so.

use std::process::ExitCode;

/// How a command ended when nothing kept it from doing its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to complain of: exit code 0.
    Fine,
    /// The command worked and found something wrong: exit code 1.
    Found,
    /// A program that the command ran ended with this code.
    Child(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Found => Self::from(1),
            Outcome::Child(code) => Self::from(code),
        }
    }
}
