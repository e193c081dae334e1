//! The order of modules: which may import which.
//!
//! `modules.toml` lists the top-level modules of each crate. A module may import those that
//! stand before it. Besides, files of a crate may not import each other in a circle, wherever
//! they stand, and crates from outside may be confined to some modules.
//!
//! A module and the modules inside of it are a family: what a child takes from its parents
//! closes no circle. Code that is compiled for tests only does not count.

mod check;
mod graph;
mod names;
mod rules;
mod source;

pub use check::{Check, check};
pub use rules::Rules;
pub use source::Files;
