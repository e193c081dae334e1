//! Where snapshots come from.

mod blocked;
pub(crate) mod cost;
pub(crate) mod counts;
pub(crate) mod frame_steps;
pub(crate) mod live;
mod process_memory;
mod reader;
pub(crate) mod replay;
pub(crate) mod samples;
pub(crate) mod stacks;
pub(crate) mod threads;
pub(crate) mod totals;
