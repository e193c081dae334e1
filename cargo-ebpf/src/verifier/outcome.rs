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
    /// It did not get as far as the kernel.
    NotTried(Finding),
    /// This process may not load programs.
    NoRights(Finding),
    /// It crashed the kernel, or kept the verifier busy beyond the deadline.
    Broke(Finding),
}

impl<R> Outcome<R> {
    /// The stable name in JSON and in `ebpf.lock`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(_) => "refused",
            Self::Unsupported(_) => "unsupported",
            Self::NotTried(_) => "not-tried",
            Self::NoRights(_) => "no-rights",
            Self::Broke(_) => "broke",
        }
    }

    /// The same outcome with what `judge` makes of a rejection.
    pub(crate) fn map_rejection<S>(self, judge: impl FnOnce(R) -> S) -> Outcome<S> {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Rejected(rejection) => Outcome::Rejected(judge(rejection)),
            Self::Unsupported(finding) => Outcome::Unsupported(finding),
            Self::NotTried(finding) => Outcome::NotTried(finding),
            Self::NoRights(finding) => Outcome::NoRights(finding),
            Self::Broke(finding) => Outcome::Broke(finding),
        }
    }
}
