//! Text for people: to stdout, in colour where the terminal wants it.

use std::{
    env,
    io::{self, Write as _},
    path::Path,
};

use ebpf_base::{stdout, untrusted};
use ebpf_build::{Code, Error, Finding, Result, Severity};

use super::Report;
use crate::interrupt;

/// Writes `report` as text to stdout. Colour is stripped where it is not wanted.
pub(super) fn write(report: &impl Report) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout::written(writeln!(stdout, "{}", report.human()).and_then(|()| stdout.flush()))
}

/// A path as a person would type it here.
pub(crate) fn path(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    let below = path.strip_prefix(&here).unwrap_or(path);
    below.display().to_string()
}

/// A finding in the look of rustc's messages: one line for the fact, one each for
/// the cause, the place and what mends it. Whatever they quote cannot steer a terminal.
pub(crate) fn finding(finding: &Finding) -> String {
    let style = match finding.severity {
        Severity::Fine => anstyle::AnsiColor::Green.on_default(),
        Severity::Warning => anstyle::AnsiColor::Yellow.on_default().bold(),
        Severity::Error => anstyle::AnsiColor::Red.on_default().bold(),
    };
    let label = match finding.severity {
        Severity::Fine => format!("{style}ok{style:#}     "),
        severity => format!("{style}{severity}[{}]{style:#}: ", finding.code),
    };
    let mut text = format!("{label}{}", untrusted::lines(&finding.message));
    if let Some(place) = &finding.place {
        let line = place
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let file = place.file.to_string_lossy();
        text += &format!("\n  --> {}{line}", untrusted::line(&file));
    }
    if let Some(cause) = &finding.cause {
        text += &format!("\n  cause: {}", indented(cause, "\n         "));
    }
    if let Some(fix) = &finding.fix {
        text += &format!("\n  fix: {}", indented(fix, "\n       "));
    }
    text
}

fn indented(text: &str, line_end: &str) -> String {
    untrusted::lines(text).replace('\n', line_end)
}

/// Shows a finding on stderr.
pub(super) fn tell(found: &Finding) {
    // Nothing is left to do when stderr itself is gone.
    let _ = writeln!(
        io::LineWriter::new(anstream::stderr()),
        "{}",
        finding(found)
    );
}

/// Shows the error that ended a command on stderr.
pub(super) fn tell_error(error: &Error) {
    if error.code() == interrupt::CODE.as_str() {
        // No fault of anything: said without the looks of one.
        let _ = writeln!(
            anstream::stderr(),
            "interrupted: {}",
            error.finding().message
        );
    } else {
        shown(error).for_each(tell);
    }
}

/// What is shown of an error: not what rustc has shown already.
pub(crate) fn shown(error: &Error) -> impl Iterator<Item = &Finding> {
    error
        .findings()
        .filter(|finding| finding.code != Code::CompileError.as_str())
}

/// Shows a line on stderr: something on the way, not the result.
pub(super) fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// "1 map", "2 maps".
pub(crate) fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
