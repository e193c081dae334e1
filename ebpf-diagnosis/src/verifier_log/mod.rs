//! The verifier's log: from text to instructions, register states and statistics.

pub mod log;
pub mod printed;
pub mod state;
pub mod statistics;
pub mod visits;
