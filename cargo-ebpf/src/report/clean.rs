//! The directories that were removed.

use std::path::PathBuf;

use indicatif::HumanBytes;
use serde::Serialize;

use super::Report;

#[derive(Debug, Serialize)]
pub(crate) struct Cleaned {
    pub(crate) removed: Vec<Removed>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Removed {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Report for Cleaned {
    fn human(&self) -> String {
        if self.removed.is_empty() {
            return "nothing to remove".to_owned();
        }
        let lines: Vec<String> = self
            .removed
            .iter()
            .map(|removed| {
                format!(
                    "removed {} ({})",
                    removed.path.display(),
                    HumanBytes(removed.bytes)
                )
            })
            .collect();
        lines.join("\n")
    }
}
