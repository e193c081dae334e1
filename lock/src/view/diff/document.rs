//! The comparison as a JSON document.

use serde::Serialize;

use crate::{
    error::Result,
    profile::diff::{Change, Diff, PerSecond, Side},
    view::{diff::code, document::document},
};

/// The JSON document. Rates are a second.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    method: &'static str,
    level: f64,
    by: &'static str,
    before: DocumentSide<'a>,
    after: DocumentSide<'a>,
    total: DocumentRow<'a>,
    rows: Vec<DocumentRow<'a>>,
    rows_not_compared: usize,
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
struct DocumentSide<'a> {
    file: &'a str,
    seconds: f64,
    intervals: usize,
    enough: bool,
}

#[derive(Debug, Serialize)]
struct DocumentRow<'a> {
    verdict: &'static str,
    r#type: Option<String>,
    label: &'a str,
    before: DocumentRate,
    after: DocumentRate,
    ratio: Option<f64>,
    difference_ns: f64,
    /// Half the width of its 95 % confidence interval.
    difference_error_ns: Option<f64>,
    /// Corrected for the number of rows.
    chance: Option<f64>,
}

#[derive(Debug, Serialize)]
struct DocumentRate {
    wait_ns: f64,
    waits: f64,
}

impl From<PerSecond> for DocumentRate {
    fn from(rate: PerSecond) -> Self {
        let PerSecond {
            wait_ns,
            waits,
            count: _,
        } = rate;
        Self { wait_ns, waits }
    }
}

impl<'a> From<&'a Change> for DocumentRow<'a> {
    fn from(row: &'a Change) -> Self {
        Self {
            verdict: code(row.verdict),
            r#type: row.lock_type.map(|it| it.to_string()),
            label: &row.label,
            before: row.before.into(),
            after: row.after.into(),
            ratio: row.ratio(),
            difference_ns: row.difference,
            difference_error_ns: row.error,
            chance: row.chance,
        }
    }
}

/// Writes it as a JSON document.
///
/// # Errors
///
/// `json`: see [`document`].
pub(crate) fn json(diff: &Diff, names: &[String; 2]) -> Result<String> {
    let [before, after] = names;
    let side = |file, side: &Side| DocumentSide {
        file,
        seconds: side.seconds,
        intervals: side.intervals,
        enough: side.is_enough,
    };
    document(&Document {
        schema: 1,
        method: "Welch's t-test over the intervals; Holm's correction over the rows",
        level: 0.05,
        by: diff.by.name(),
        before: side(before, &diff.before),
        after: side(after, &diff.after),
        total: (&diff.total).into(),
        rows: diff.rows.iter().map(Into::into).collect(),
        rows_not_compared: diff.small,
        notes: &diff.notes,
    })
}
