//! What came of giving an object to the verifier, judged: as data, for reports.

use ebpf_build::Finding;
use serde::Serialize;

use super::{observation::Attach, statistics::Statistics};
use crate::diagnosis::{Diagnosis, Hot};

/// An object's way through the verifier.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Object {
    /// The object as the user named it.
    pub object: String,
    /// Its programs, in the order in which they stand in the object.
    pub programs: Vec<Program>,
    /// What concerns the object as a whole: why it could not be read, a map that
    /// could not be made, BTF that the kernel refused.
    pub findings: Vec<Finding>,
    /// What libbpf said to it, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bpftool: Option<super::bpftool::Answer>,
}

/// A program's way through the verifier.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Program {
    /// Its name.
    pub name: String,
    /// The ELF section that it stands in.
    pub section: String,
    /// Its type as bpf(2) names it, in small letters.
    #[serde(rename = "type")]
    pub program_type: String,
    /// How many instructions it has, with the functions that it calls.
    pub instructions: usize,
    /// Whether its loader leaves it out where the kernel has no place for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What came of attaching it, if that was tried after it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<Attach>,
    /// What the verifier's work cost, as far as this kernel tells.
    pub statistics: Statistics,
    /// What it spent most on, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hot: Option<Hot>,
}

/// Code of the finding that the verifier was busy with a program beyond the deadline.
pub(crate) const SLOW: &str = "verifier-slow";

/// What became of a program.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "verdict", content = "why", rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The kernel loaded it.
    Accepted,
    /// The verifier looked at it and refused it.
    Refused(Box<Rejection>),
    /// This kernel has no place for such a program, whatever is in it.
    Unsupported(Finding),
    /// It did not get as far as the kernel.
    NotTried(Finding),
    /// This process may not load programs.
    NoRights(Finding),
    /// It broke the kernel, or kept the verifier busy beyond the deadline.
    Broke(Finding),
}

impl Program {
    /// A few words for a table.
    pub(crate) fn label(&self) -> &'static str {
        match &self.attach {
            None => self.verdict.label(),
            Some(Attach::Attached) => "attached",
            Some(Attach::Refused(_)) => "loads, attach refused",
            Some(Attach::NotTried(_)) => "loads, attach not tried",
        }
    }

    /// Whether its loader does without it on this kernel.
    pub(crate) fn is_left_out(&self) -> bool {
        self.optional && matches!(self.verdict, Verdict::Unsupported(_))
    }

    /// Whether it would run, as far as that was tried, or need not.
    fn is_fine(&self) -> bool {
        self.is_left_out()
            || matches!(self.verdict, Verdict::Accepted)
                && !matches!(self.attach, Some(Attach::Refused(_)))
    }
}

impl Verdict {
    /// One or two words for a table.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(_) => "refused",
            Self::Unsupported(_) => "not supported here",
            Self::NotTried(_) => "not tried",
            Self::NoRights(_) => "no rights",
            Self::Broke(finding) if finding.code == SLOW => "took too long",
            Self::Broke(_) => "broke the kernel",
        }
    }
}

/// Why the verifier refused a program.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rejection {
    /// What it means.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// The whole log.
    #[serde(skip)]
    pub log: String,
}

impl Object {
    /// Whether every program was accepted or left out, none refused to attach, and nothing else was wrong.
    pub(crate) fn is_fine(&self) -> bool {
        self.programs.iter().all(Program::is_fine)
            && self
                .findings
                .iter()
                .all(|finding| finding.severity < ebpf_build::Severity::Error)
            && self.bpftool.as_ref().is_none_or(|answer| answer.accepted)
    }
}
