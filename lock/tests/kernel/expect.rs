//! What is held against what: a failure says what was seen.

use std::{fs, path::Path, process::Output};

use serde_json::Value;
use test_support::Failed;

/// Fails with what `lock` wrote, unless it ended with this code.
pub(crate) fn expect_code(output: &Output, code: i32) -> Result<(), Failed> {
    if output.status.code() == Some(code) {
        return Ok(());
    }
    Err(format!(
        "{} instead of exit code {code}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

pub(crate) fn expect(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if condition {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

pub(crate) fn expect_stderr(output: &Output, text: &str) -> Result<(), Failed> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    expect(stderr.contains(text), || {
        format!("no {text:?} in {stderr:?}")
    })
}

/// Fails unless a report for people is on stdout: its last lines say what recorded.
pub(crate) fn expect_report(output: &Output) -> Result<(), Failed> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    expect(stdout.contains(HOOKS), || format!("no report: {stdout}"))
}

/// The begin of the line of a report that says what recorded.
pub(crate) const HOOKS: &str = "\nhooks          ";

pub(crate) fn number(document: &Value, pointer: &str) -> Result<u64, Failed> {
    document
        .pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("no number {pointer} in {document:#}").into())
}

pub(crate) fn read_json(path: &Path) -> Result<Value, Failed> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}
