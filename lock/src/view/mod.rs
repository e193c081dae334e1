//! Reports for readers. No view knows where its data came from.

pub(crate) mod json;
pub(crate) mod table;
pub(crate) mod units;
