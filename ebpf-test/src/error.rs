//! What went wrong, for the person who reads the test's output.

use std::{error, fmt};

/// The reason for an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object cannot be loaded: it is not a BPF object, or the kernel rejects a map.
    Object,
    /// The object has no program of that name.
    ProgramMissing,
    /// The kernel has no test run for programs of that type, on any version.
    NoTestRun,
    /// The input does not fit the program.
    Input,
    /// The verifier rejects the program.
    Rejected,
    /// The kernel did not run the program.
    Run,
}

/// Why a program could not be loaded or run. Tests that return it show it whole: its
/// [`Debug`] is its [`Display`](fmt::Display), with the causes.
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            cause: None,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn because_of(self, cause: impl error::Error + Send + Sync + 'static) -> Self {
        Self {
            cause: Some(Box::new(cause)),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  cause: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause
            .as_ref()
            .map(|cause| &**cause as &(dyn error::Error + 'static))
    }
}
