//! What a check found, as data: one shape for warnings, failures and errors, so
//! that a terminal, JSON and CI annotations can all be written from it.

use std::{borrow::Cow, fmt, path::PathBuf};

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Severity {
    /// As it should be; reported so that the user sees what was checked.
    Fine,
    /// Works, but not everywhere or not as well as it could.
    Warning,
    /// Does not work.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Where in a file something was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, where one is known.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub line: Option<u32>,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Finding {
    /// Stable, kebab-case name of this kind of finding. Never reused for another.
    /// Owned where the finding was made by another process.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// The fact: one sentence that names the thing.
    pub message: String,
    /// Why it is so, where that is known.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub cause: Option<String>,
    /// Where it was found.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub place: Option<Place>,
    /// How to fix it: a command to type wherever there is one.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub fix: Option<String>,
}

impl Finding {
    fn new(
        severity: Severity,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            severity,
            message: message.into(),
            cause: None,
            place: None,
            fix: None,
        }
    }

    /// A finding for something that is as it should be.
    pub fn fine(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Fine, code, message)
    }

    /// A finding that does not stop the work.
    pub fn warning(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A finding that stops the work.
    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// With another severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Adds the cause. An error chain is written out: `outer: inner`.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds how to fix it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Adds where it was found.
    #[must_use]
    pub fn at(mut self, file: impl Into<PathBuf>, line: Option<u32>) -> Self {
        self.place = Some(Place {
            file: file.into(),
            line,
        });
        self
    }
}
