//! What the test programs of this repository share: how a test is registered, how it says that
//! it cannot run here, and what is asked of the machine for that; and the JSON schemas.
//!
//! The program under test never decides that a test is skipped: [`machine`] looks at the
//! kernel, the file system and `PATH` only.
//!
//! `EBPF_TEST_REQUIRE=all` turns each skip into a failure, a list as in
//! `EBPF_TEST_REQUIRE=guests,perf` those for want of these. The exceptions are in
//! `permitted-skips.toml`. [`Skips`] compares a log with that file, as libtest's `#[ignore]`
//! obeys no variable.

mod failed;
pub mod kernel_package;
pub mod machine;
mod marks;
mod repeat;
mod require;
mod schema;
mod skips;
pub mod standard_output;
mod suite;
mod waiting_program;

pub use failed::{Failed, Outcome, skip};
pub use machine::Need;
pub use marks::Marks;
pub use repeat::repeat;
pub use schema::{Schema, document};
pub use skips::Skips;
pub use suite::{Suite, Test};
pub use waiting_program::waiting_program;
