//! The comparison as comma-separated values.

use crate::{
    profile::diff::Diff,
    view::{diff::code, untrusted},
};

/// Writes it as comma-separated values, rates a second.
pub(crate) fn csv(diff: &Diff) -> String {
    let mut text = "verdict,type,label,before_wait_ns,after_wait_ns,ratio,difference_ns,\
                    difference_error_ns,chance,before_waits,after_waits\n"
        .to_owned();
    let number = |value: Option<f64>| value.map(|it| it.to_string()).unwrap_or_default();
    for row in &diff.rows {
        let lock_type = row.lock_type.map(|it| it.to_string()).unwrap_or_default();
        let fields = [
            code(row.verdict).to_owned(),
            quoted(&lock_type),
            quoted(&untrusted::line(&row.label)),
            number(Some(row.before.wait_ns)),
            number(Some(row.after.wait_ns)),
            number(row.ratio()),
            number(Some(row.difference)),
            number(row.error),
            number(row.chance),
            number(Some(row.before.waits)),
            number(Some(row.after.waits)),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

/// A field of RFC 4180.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
