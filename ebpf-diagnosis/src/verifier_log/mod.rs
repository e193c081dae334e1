//! The verifier's log: from text to instructions, register states and statistics.

pub(crate) mod log;
pub mod printed;
pub(crate) mod state;
pub mod statistics;
pub mod visits;
