//! The error of a workload.

use std::{fmt, io};

/// What functions here return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a workload could not do, and why.
#[derive(Debug)]
pub struct Error {
    action: String,
    cause: io::Error,
}

impl Error {
    /// For `map_err`: the cause of an action that failed, as in "create a mutex".
    pub(crate) fn of(action: &str) -> impl Fn(io::Error) -> Self + '_ {
        move |cause| Self {
            action: action.to_owned(),
            cause,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the workload could not {}", self.action)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
