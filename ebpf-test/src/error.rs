//! What went wrong, for the person who reads the test's output.

use std::{
    env, error, fmt,
    path::{Path, PathBuf},
};

use ebpf_diagnosis::{Diagnosis, Sources, render};

/// The reason for an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object cannot be loaded: it is not a BPF object, or the kernel rejects a map.
    Object,
    /// The object does not contain a program of that name.
    ProgramMissing,
    /// Programs of that type cannot be run, on any kernel version.
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
    diagnosis: Option<Box<Diagnosis>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            cause: None,
            diagnosis: None,
        }
    }

    /// The program `name` is rejected for the reason in `diagnosis`.
    pub(crate) fn rejected(name: &str, diagnosis: Diagnosis) -> Self {
        let sources = Sources::under(workspace_root());
        // Without colours: the output of tests is captured.
        let text = render::plain(&diagnosis, &sources);
        Self {
            diagnosis: Some(Box::new(diagnosis)),
            ..Self::new(
                ErrorKind::Rejected,
                format!("the kernel rejected the program `{name}`\n\n{text}\n"),
            )
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Why the verifier rejected the program, if the kind is [`ErrorKind::Rejected`]. Its
    /// [`code`](Diagnosis::code) is stable: a test of a program that has to be rejected can
    /// compare it.
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.as_deref()
    }

    pub(crate) fn because_of(self, cause: impl error::Error + Send + Sync + 'static) -> Self {
        Self {
            cause: Some(Box::new(cause)),
            ..self
        }
    }
}

/// Paths in the messages of rustc and of panics are relative to this directory, which cargo
/// does not report to a test.
fn workspace_root() -> PathBuf {
    let current = env::current_dir().unwrap_or_default();
    let has_lock_file = |directory: &&Path| directory.join("Cargo.lock").is_file();
    let root = current.ancestors().find(has_lock_file);
    root.unwrap_or(&current).to_owned()
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
