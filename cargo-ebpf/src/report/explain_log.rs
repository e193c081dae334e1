//! The diagnoses of a file with verifier logs.

use ebpf_build::Finding;
use ebpf_diagnosis::{
    diagnosis::Diagnosis,
    render::{self, source::Sources},
};
use serde::Serialize;

use super::Report;

/// What the logs in a file mean.
#[derive(Serialize)]
pub(crate) struct ExplainedLog {
    /// Each log, in the order of the file.
    pub(crate) rejections: Vec<Diagnosis>,
    #[serde(skip)]
    pub(crate) sources: Sources,
}

impl Report for ExplainedLog {
    fn human(&self) -> String {
        let shown: Vec<_> = self
            .rejections
            .iter()
            .map(|rejection| render::human(rejection, &self.sources))
            .collect();
        shown.join("\n\n")
    }

    fn findings(&self) -> Vec<Finding> {
        let rejections = self.rejections.iter();
        rejections
            .map(|rejection| render::finding(rejection, &self.sources))
            .collect()
    }
}
