//! Reports for readers. No view knows where its data came from.

pub(crate) mod diff;
pub(crate) mod document;
pub(crate) mod units;
