//! The one error type: a [`Finding`] that ended the work.

use std::{borrow::Cow, fmt, io, path::Path};

use crate::finding::Finding;

/// Why something could not be done: the fact, the cause, and how to fix it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    finding: Finding,
    details: Vec<Finding>,
}

/// What functions here return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a stable code and the fact in one sentence.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Finding::error(code, message).into()
    }

    /// A file or directory that could not be read or written: names the path, and
    /// for a full disk or denied access also how to fix it.
    pub fn io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let code = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk-full",
            io::ErrorKind::PermissionDenied => "access-denied",
            io::ErrorKind::NotFound => "not-found",
            _ => "io",
        };
        let error = Self::new(code, format!("could not {doing} {}", path.display()))
            .because(cause.to_string());
        match code {
            "disk-full" => error.fix(format!(
                "free some space on the disk of {}, then run the same command again",
                path.display()
            )),
            "access-denied" => error.fix(format!(
                "make {} accessible to this user, or run the command as its owner",
                path.display()
            )),
            _ => error,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.finding.cause = Some(cause.into());
        self
    }

    /// Adds how to fix it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.0.finding.fix = Some(fix.into());
        self
    }

    /// Adds the findings that led to it, such as the errors of a compiler.
    #[must_use]
    pub fn with_details(mut self, details: Vec<Finding>) -> Self {
        self.0.details = details;
        self
    }

    /// The finding that this error is.
    pub fn finding(&self) -> &Finding {
        &self.0.finding
    }

    /// The findings that led to it, if they are known separately.
    pub fn details(&self) -> &[Finding] {
        &self.0.details
    }

    /// All that is known of it: the details, then the finding.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.details().iter().chain([self.finding()])
    }

    /// The stable code of the finding.
    pub fn code(&self) -> &str {
        &self.0.finding.code
    }
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Self {
        Self(Box::new(Content {
            finding,
            details: Vec::new(),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.finding();
        f.write_str(&finding.message)?;
        if let Some(cause) = &finding.cause {
            write!(f, ": {cause}")?;
        }
        if let Some(fix) = &finding.fix {
            write!(f, "\n  fix: {fix}")?;
        }
        Ok(())
    }
}

/// As [`fmt::Display`]: it is what `main` shows where a build script returns it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
