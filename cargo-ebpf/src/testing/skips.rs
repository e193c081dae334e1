//! What tests say past libtest: the file that the crate `ebpf-test` writes a line to for
//! each test that cannot run.

use std::{
    fs::{self, File},
    os::fd::AsRawFd as _,
};

use ebpf_base::temporary;
use ebpf_build::Result;

use crate::host::process::Process;

/// As `ebpf-test` knows it.
const VARIABLE: &str = "EBPF_TEST_SKIPS";

/// The file, while somebody may write to it. It has no name but that of our descriptor, so
/// that nothing is left behind of it, however we end.
#[derive(Debug)]
pub(crate) struct Skips {
    file: File,
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
        Ok(Self {
            file: temporary::unnamed_file()?,
        })
    }

    /// Passes its path to a test program.
    pub(crate) fn pass_to(&self, process: Process) -> Process {
        process.env(VARIABLE, self.path())
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// What has been said so far.
    pub(crate) fn all(&self) -> Vec<Skip> {
        let bytes = fs::read(self.path()).unwrap_or_default();
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
