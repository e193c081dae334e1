//! Reports for readers. No view knows where its data came from.

pub(crate) mod document;
pub(crate) mod tui;
pub(crate) mod units;
