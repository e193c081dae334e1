//! What became of a program that was given to a kernel.

use ebpf_build::Finding;
use serde::{Deserialize, Serialize};

/// What became of a program. `R` is what is known of a rejection: the verifier's log
/// where it was observed, and a diagnosis where it was judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome<R> {
    /// The kernel loaded it.
    Accepted,
    /// The verifier checked and rejected it.
    #[serde(rename = "Refused")]
    Rejected(R),
    /// This kernel does not support the program type, whatever the program contains.
    Unsupported(Finding),
    /// It could not be made what its loader would make of it, so it was not passed to the
    /// kernel.
    NotLinked(Finding),
    /// It was not passed to the kernel.
    #[serde(rename = "NotTried")]
    Skipped(Finding),
    /// This process may not load programs.
    #[serde(rename = "NoRights")]
    PermissionDenied(Finding),
    /// The kernel crashed while it verified it.
    #[serde(rename = "Broke")]
    Crashed(Finding),
    /// The verifier had not finished at the deadline.
    TimedOut(Finding),
}

impl<R> Outcome<R> {
    /// The stable name in JSON and in `ebpf.lock`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(_) => "refused",
            Self::Unsupported(_) => "unsupported",
            Self::NotLinked(_) => "not-linked",
            Self::Skipped(_) => "not-tried",
            Self::PermissionDenied(_) => "no-rights",
            Self::Crashed(_) | Self::TimedOut(_) => "broke",
        }
    }

    /// The same outcome with what `judge` makes of a rejection.
    pub(crate) fn map_rejection<S>(self, judge: impl FnOnce(R) -> S) -> Outcome<S> {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Rejected(rejection) => Outcome::Rejected(judge(rejection)),
            Self::Unsupported(finding) => Outcome::Unsupported(finding),
            Self::NotLinked(finding) => Outcome::NotLinked(finding),
            Self::Skipped(finding) => Outcome::Skipped(finding),
            Self::PermissionDenied(finding) => Outcome::PermissionDenied(finding),
            Self::Crashed(finding) => Outcome::Crashed(finding),
            Self::TimedOut(finding) => Outcome::TimedOut(finding),
        }
    }
}
