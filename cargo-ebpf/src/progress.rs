//! What a layer that does not print reports while it works.

use ebpf_build::{
    Finding,
    progress::{Progress, Silent},
};

/// Receives the steps of long work, and findings that do not stop it.
pub(crate) trait Monitor: Progress {
    /// Something did not work, and the work goes on without it.
    fn warn(&self, finding: &Finding);
}

impl Monitor for Silent {
    fn warn(&self, _: &Finding) {}
}
