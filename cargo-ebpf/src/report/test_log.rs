//! The result of `test`: the number of tests that passed, failed, and were skipped.

use serde::Serialize;

use super::Report;
use crate::testing::log::TestLog;

/// The sums of all test programs.
#[derive(Debug, Serialize)]
pub(crate) struct Tested {
    /// Whether every test program was built and ran to its end.
    pub(crate) complete: bool,
    #[serde(flatten)]
    pub(crate) log: TestLog,
}

impl Report for Tested {
    /// The last line of stdout.
    fn human(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.log.passed, self.log.failed, self.log.skipped
        )
    }
}
