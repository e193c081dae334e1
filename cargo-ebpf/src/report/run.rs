//! How the loader that `run` started ended.

use std::path::PathBuf;

use serde::Serialize;

use super::{Report, build::Built};

/// What the loader did, as JSON. For people it speaks for itself.
#[derive(Debug, Serialize)]
pub(crate) struct Ran {
    pub(crate) loader: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) exit_code: u8,
    #[serde(flatten)]
    pub(crate) built: Built,
}

impl Report for Ran {
    fn human(&self) -> String {
        format!("the loader ended with exit code {}", self.exit_code)
    }
}
