//! What came of giving an object to the verifier, judged: as data, for reports.

pub(crate) mod judge;
pub(crate) mod log_file;

use ebpf_build::Finding;
use ebpf_diagnosis::{
    diagnosis::{Diagnosis, Hot},
    verifier_log::statistics::Statistics,
};
use ebpf_kernels::{Architecture, guest::Accelerator};
use ebpf_object::Loader;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    code::Code,
    verifier::{bpftool, observation::Attach, outcome::Outcome},
};

/// An object's way through the verifier.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Object {
    /// The object as the user named it.
    pub object: String,
    /// Its programs, in the order in which they stand in the object.
    pub programs: Vec<Program>,
    /// What concerns the object as a whole: why it could not be read, a map that
    /// could not be made, BTF that the kernel rejected.
    pub findings: Vec<Finding>,
    /// The loader whose rules its verdicts follow; none if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loader: Option<Loader>,
    /// Whether the user named that loader.
    #[serde(skip)]
    pub loader_given: bool,
    /// What libbpf said to it, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bpftool: Option<bpftool::Answer>,
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
    #[serde(flatten, serialize_with = "serialize_verdict")]
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
pub(crate) const SLOW: Code = Code::VerifierSlow;

/// What became of a program, judged.
pub(crate) type Verdict = Outcome<Box<Rejection>>;

/// Its code as `verdict`, and what is known of it as `why`.
fn serialize_verdict<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_map(None)?;
    fields.serialize_entry("verdict", verdict.code())?;
    match verdict {
        Outcome::Accepted => {}
        Outcome::Rejected(rejection) => fields.serialize_entry("why", rejection)?,
        Outcome::Unsupported(finding)
        | Outcome::NotLinked(finding)
        | Outcome::Skipped(finding)
        | Outcome::PermissionDenied(finding)
        | Outcome::Crashed(finding)
        | Outcome::TimedOut(finding) => fields.serialize_entry("why", finding)?,
    }
    fields.end()
}

impl Program {
    /// A few words for a table.
    pub(crate) fn label(&self) -> &'static str {
        match &self.attach {
            None => self.verdict.label(),
            Some(Attach::Attached) => "attached",
            Some(Attach::Refused(_)) => "loads, attach rejected",
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

impl Outcome<Box<Rejection>> {
    /// One or two words for a table.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Unsupported(_) => "not supported",
            Self::NotLinked(_) => "not linked",
            Self::Skipped(_) => "not tried",
            Self::PermissionDenied(_) => "not permitted",
            Self::TimedOut(_) => "timed out",
            Self::Crashed(_) => "crashed the kernel",
        }
    }
}

/// Why the verifier rejected a program.
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
    /// Whether every program was accepted or left out, none failed to attach, and nothing else was wrong.
    pub(crate) fn is_fine(&self) -> bool {
        self.programs.iter().all(Program::is_fine)
            && self
                .findings
                .iter()
                .all(|finding| finding.severity < ebpf_build::Severity::Error)
            && self.bpftool.as_ref().is_none_or(|answer| answer.accepted)
    }
}

/// What one kernel said of all objects.
#[derive(Debug, Serialize)]
pub(crate) struct OnKernel {
    /// The kernel as the user named it: `host`, `6.1`.
    pub kernel: String,
    /// Its architecture; none if it is one without a name here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Its release; none if it did not come up.
    pub release: Option<String>,
    /// Its full version in the archive, where it is from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What ran it; none for the machine's own kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<Accelerator>,
    /// How long it took to be asked.
    pub seconds: f64,
    /// The objects, in the order in which they were named.
    pub objects: Vec<Object>,
    /// What went wrong with the kernel itself.
    pub findings: Vec<Finding>,
}

impl OnKernel {
    /// For sentences.
    pub(crate) fn name(&self) -> String {
        match &self.release {
            Some(release) => format!("Linux {release}"),
            None => format!("the kernel {}", self.kernel),
        }
    }

    /// Whether the kernel came up, and every object is fine on it.
    pub(crate) fn is_fine(&self) -> bool {
        self.findings.is_empty() && self.objects.iter().all(Object::is_fine)
    }
}
