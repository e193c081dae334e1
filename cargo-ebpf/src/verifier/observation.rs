//! What a kernel did with an object, as plain data: made where the kernel runs, on this
//! machine or in a guest, and judged where the user is (see [`crate::verdict::judge`]).

use ebpf_build::Finding;
use ebpf_diagnosis::verifier_log::{statistics::Statistics, visits::Visits};
use ebpf_object::Loader;
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;

/// A step of the way of an object through the verifier, as it happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    /// The kernel is about to be given this program: whatever happens until the next
    /// event is its doing.
    Trying(ProgramInfo),
    /// What the kernel has decided about this program, before it is asked for more about it: the
    /// whole log, the visits of each instruction, attaching it.
    Decided(Program),
    /// What became of a program.
    Tried(Program),
    /// What concerns the object as a whole.
    Found(Finding),
}

/// Which program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgramInfo {
    /// Its name, as the object has it.
    pub name: String,
    /// The ELF section that it stands in.
    pub section: String,
    /// Its type as bpf(2) names it, in small letters.
    pub program_type: String,
    /// How many instructions it has, with the functions that it calls.
    pub instructions: usize,
}

/// A program, and what a kernel did with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Program {
    /// Which one.
    pub subject: ProgramInfo,
    /// What became of it.
    pub outcome: Observed,
    /// What came of attaching it; none if that was not asked for, or it did not load.
    pub attach: Option<Attach>,
    /// What the verifier's work cost, as far as this kernel tells.
    pub statistics: Statistics,
    /// Which instructions it went through how often, if that was asked.
    pub visits: Option<Visits>,
}

/// What came of attaching a program that was loaded, for a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", content = "why", rename_all = "kebab-case")]
pub(crate) enum Attach {
    /// The kernel attached it.
    Attached,
    /// The kernel refused to.
    Refused(Finding),
    /// It could not be tried.
    NotTried(Finding),
}

/// Which programs are attached once they are loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attaching {
    /// None.
    #[default]
    Nothing,
    /// Those that only watch: what others do on this machine stays as it is.
    Watchers,
    /// All: the kernel is that of a guest, where nobody else is.
    Everything,
}

/// What is wanted beyond a verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extras {
    /// What is attached once it is loaded.
    pub attaching: Attaching,
    /// Whether it is counted how often the verifier goes through each instruction.
    pub visits: bool,
    /// The loader whose rules apply; none for the one that the object is made for.
    pub loader: Option<Loader>,
}

/// What became of a program, as observed.
pub(crate) type Observed = Outcome<VerifierLog>;

/// The verifier's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerifierLog {
    /// What the system call returned, such as `EACCES`, as its number.
    pub errno: i32,
    /// The log, as the kernel wrote it. Empty where it gave no reason.
    pub log: String,
    /// Whether the log is longer than the largest buffer there may be.
    pub truncated: bool,
}
