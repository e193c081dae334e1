//! The verifier's log: from text to instructions, register states and statistics.

pub(crate) mod log;
pub(crate) mod printed;
pub(crate) mod state;
pub(crate) mod statistics;
pub(crate) mod visits;
