//! The only way to speak to the user: results to stdout in one format, and everything
//! else (findings, notes, progress) to stderr.

use std::io::{self, Write as _};

use ebpf_base::stdout;
use ebpf_build::{Error, Finding, Result};

use super::{Report, github, human, json, progress::Display};

/// Output formats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text and tables.
    #[default]
    Human,
    /// One versioned JSON document, alone on stdout.
    Json,
    /// As for people, and each finding as an annotation of a GitHub workflow.
    Github,
}

/// Writes results, findings and notes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Console {
    format: Format,
}

impl Console {
    /// One that writes results in `format`.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether stdout holds a JSON document and nothing else.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Writes a result to stdout. A closed pipe is not an error.
    ///
    /// # Errors
    /// When stdout cannot be written to, for example on a full disk.
    pub(crate) fn write(self, report: &impl Report) -> Result<()> {
        match self.format {
            Format::Human => human::write(report),
            Format::Json => json::write(report),
            Format::Github => github::write(report),
        }
    }

    /// Passes on output of a program that was run: to stdout, or to stderr where stdout
    /// holds a JSON document.
    ///
    /// # Errors
    /// When it cannot be written; a closed pipe is not an error.
    pub(crate) fn pass_on(self, output: &str) -> Result<()> {
        stdout::written(if self.is_json() {
            io::stderr().lock().write_all(output.as_bytes())
        } else {
            io::stdout().lock().write_all(output.as_bytes())
        })
    }

    /// Shows a finding on stderr.
    pub(crate) fn show(self, finding: &Finding) {
        human::tell(finding);
    }

    /// Shows a line on stderr: an intermediate step, not the result.
    pub(crate) fn note(self, line: &str) {
        human::note(line);
    }

    /// Shows the error that ended a command.
    pub(crate) fn error(self, error: &Error) {
        // The error still goes to stderr when stdout is gone.
        let _ = match self.format {
            Format::Human => Ok(()),
            Format::Json => json::write_error(error),
            Format::Github => github::write_error(error),
        };
        human::tell_error(error);
    }

    /// Shows the steps of long work on stderr.
    pub(crate) fn progress(self) -> Display {
        Display::new()
    }
}
