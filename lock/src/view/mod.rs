//! Reports for readers. No view knows where its data came from.

pub(crate) mod chrome;
pub(crate) mod diff;
pub(crate) mod document;
pub(crate) mod flamegraph;
pub(crate) mod folded;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod large;
pub(crate) mod pprof;
pub(crate) mod stack_text;
pub(crate) mod units;
