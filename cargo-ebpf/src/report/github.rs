//! Findings as annotations of a GitHub workflow: lines that the runner reads from what a
//! step prints, and shows at the source line in a change.
//!
//! Source: GitHub's documentation, "Workflow commands", "Setting an error message".

use std::io::{self, Write as _};

use ebpf_base::stdout;
use ebpf_build::{Error, Finding, Result, Severity};

use super::{Report, human};

/// Writes `report` as for people, then its findings.
pub(super) fn write(report: &impl Report) -> Result<()> {
    human::write(report)?;
    print(&report.findings())
}

/// Writes the error that ended a command.
///
/// # Errors
/// When stdout cannot be written to.
pub(super) fn write_error(error: &Error) -> Result<()> {
    print(error.findings())
}

fn print<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = findings
        .into_iter()
        .filter_map(annotation)
        .try_for_each(|line| writeln!(stdout, "{line}"));
    stdout::written(written.and_then(|()| stdout.flush()))
}

fn annotation(finding: &Finding) -> Option<String> {
    let command = match finding.severity {
        Severity::Fine => return None,
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut properties = vec![format!("title={}", property(&finding.code))];
    if let Some(place) = &finding.place {
        properties.push(format!("file={}", property(&place.file.to_string_lossy())));
        properties.extend(place.line.map(|line| format!("line={line}")));
    }
    let mut message = finding.message.clone();
    for (label, text) in [("cause", &finding.cause), ("fix", &finding.fix)] {
        if let Some(text) = text {
            message += &format!("\n{label}: {text}");
        }
    }
    Some(format!(
        "::{command} {}::{}",
        properties.join(","),
        data(&message)
    ))
}

/// What would end the line is written in hexadecimal.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What would end the property, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line_at_its_place() {
        let finding = Finding::error("packet-bounds", "100 % wrong")
            .because("a\nb")
            .at("src/a,b.rs", Some(7));
        assert_eq!(
            annotation(&finding).as_deref(),
            Some(
                "::error title=packet-bounds,file=src/a%2Cb.rs,line=7::100 %25 wrong%0Acause: a%0Ab"
            )
        );
        assert_eq!(annotation(&Finding::fine("x", "y")), None);
    }
}
