//! How long work reports its steps to its caller, without knowing of terminals.

use crate::Finding;

/// Receives what a long step is doing.
pub trait Progress {
    /// A step begins. `what` is a phrase like "Building bpf-linker 0.13.0".
    fn begin(&self, what: &str);
    /// A line of output from within the step, to show as its latest state.
    fn line(&self, line: &str);
    /// The step that began last has succeeded.
    fn end(&self);
    /// Something did not work, and the work continues without it. By default it is ignored.
    fn warn(&self, _finding: &Finding) {}
}

/// Ignores everything, for build scripts and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str) {}
    fn line(&self, _: &str) {}
    fn end(&self) {}
}
