//! What tests say past libtest: the file that the crate `ebpf-test` writes a line to for
//! each test that cannot run.

use std::fs;

use ebpf_build::{Error, Result};
use tempfile::NamedTempFile;

use crate::host::process::Process;

/// As `ebpf-test` knows it.
const VARIABLE: &str = "EBPF_TEST_SKIPS";

/// The file, while somebody may write to it.
#[derive(Debug)]
pub(crate) struct Skips {
    file: NamedTempFile,
}

/// A test that said it cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    /// Its name, as far as it is known: that of the thread it spoke from.
    pub test: String,
    /// Why.
    pub reason: String,
}

impl Skips {
    /// An empty one.
    ///
    /// # Errors
    /// When no file can be made.
    pub(crate) fn new() -> Result<Self> {
        let file = tempfile::Builder::new()
            .prefix("cargo-ebpf-skips-")
            .tempfile();
        let file =
            file.map_err(|cause| Error::io("make a file in", &std::env::temp_dir(), &cause))?;
        Ok(Self { file })
    }

    /// Names it to a test program.
    pub(crate) fn told_to(&self, process: Process) -> Process {
        process.env(VARIABLE, &self.file.path().to_string_lossy())
    }

    /// What has been said so far.
    pub(crate) fn all(&self) -> Vec<Skip> {
        let bytes = fs::read(self.file.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines
            .map(|(test, reason)| Skip {
                test: test.to_owned(),
                reason: reason.to_owned(),
            })
            .collect()
    }
}
