//! Two recordings compared, for readers.

use crate::profile::diff::Verdict;

mod csv;
mod document;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use csv::csv;
pub(crate) use document::json;
pub(crate) use table::table;

/// A verdict for programs.
fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::Better => "better",
        Verdict::New => "new",
        Verdict::Gone => "gone",
        Verdict::NoClearChange => "no-clear-change",
        Verdict::TooFew => "too-few",
    }
}
