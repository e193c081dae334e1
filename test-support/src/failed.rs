//! How a test ends that does not pass.

use std::fmt::Display;

/// What a test returns.
pub type Outcome = Result<(), Failed>;

/// Why a test has not passed: it failed, or it cannot run here.
///
/// Made from anything that can be shown, so that `?` takes every error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    message: String,
    /// What the machine lacks, for a test that cannot run.
    lacking: Option<String>,
}

impl Failed {
    /// Why.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the machine lacks, if the test was skipped.
    pub(crate) fn lacking(&self) -> Option<&str> {
        self.lacking.as_deref()
    }
}

/// Not `Display` itself: the conversion would be one from itself, too.
impl<M: Display> From<M> for Failed {
    fn from(message: M) -> Self {
        Self {
            message: message.to_string(),
            lacking: None,
        }
    }
}

/// The test cannot run here, for `reason`. `lacking` is a word for what the machine lacks, as
/// `EBPF_TEST_REQUIRE` names it.
pub fn skip(lacking: &str, reason: impl Display) -> Failed {
    Failed {
        message: reason.to_string(),
        lacking: Some(lacking.to_owned()),
    }
}
