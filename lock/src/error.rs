//! The error type: the fact, its cause, and a fix.

use std::{fmt, io, path::Path, process::ExitCode};

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const LABEL: Style = Style::new().bold();

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    code: &'static str,
    message: String,
    cause: Option<String>,
    fix: Option<String>,
    exit_code: u8,
}

/// What functions here return.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a stable kebab-case code and the fact in one sentence.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
            fix: None,
            exit_code: 1,
        }
    }

    /// A file that could not be written.
    pub(crate) fn write(path: &Path, cause: &io::Error) -> Self {
        let path = path.display();
        let (code, fix) = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
                "disk-full",
                "free some space, or choose another file with --output",
            ),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
                "access-denied",
                "with --output, choose a file that this user can write to",
            ),
            io::ErrorKind::NotFound => ("not-found", "create its directory first"),
            _ => ("io", "choose another file with --output"),
        };
        Self::new(code, format!("could not write {path}"))
            .because(cause.to_string())
            .fix(fix)
    }

    /// Adds the cause.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds an error as the cause, with its own causes.
    #[must_use]
    pub(crate) fn because_of(self, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let inner = error.to_string();
            // Some errors include their source.
            if !text.contains(&inner) {
                text.push_str(": ");
                text.push_str(&inner);
            }
            source = error.source();
        }
        self.because(text)
    }

    /// Adds a fix: a command, or else a step.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Ends `lock` with another exit code than 1.
    #[must_use]
    pub(crate) fn exit_with(mut self, exit_code: u8) -> Self {
        self.exit_code = exit_code;
        self
    }

    /// The exit code that this error ends `lock` with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        self.exit_code.into()
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    pub(crate) fn fix_text(&self) -> Option<&str> {
        self.fix.as_deref()
    }

    /// Whether it is the error with this stable code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// The stable code.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// Writes the error to stderr, in colour where that fits.
    pub(crate) fn print(&self) {
        use std::io::Write as _;

        let mut stderr = anstream::stderr().lock();
        // There is no better place for it when stderr is gone.
        let _ = write!(stderr, "{}", Styled(self));
    }
}

struct Styled<'a>(&'a Error);

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error {
            code,
            message,
            cause,
            fix,
            exit_code: _,
        } = self.0;
        writeln!(f, "{ERROR}error[{code}]:{ERROR:#} {message}")?;
        if let Some(cause) = cause {
            writeln!(f, "  {LABEL}cause:{LABEL:#} {cause}")?;
        }
        if let Some(fix) = fix {
            writeln!(f, "  {LABEL}fix:{LABEL:#} {fix}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
