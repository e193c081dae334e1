//! Which kernel an object requires, and why, from its bytes alone.
//!
//! A requirement belongs to programs, and the object's release is the newest of theirs. What a
//! loader omits or replaces on older kernels (most kinds of BTF, `bpf_probe_read_kernel`) is
//! listed, and requires no release. What is in no table is unknown, and never guessed.

mod code;
mod collect;
mod hook;
mod reason;
mod since;
mod table;

use std::{collections::BTreeSet, fmt};

use ebpf_base::{KernelVersion, Result};
use serde::Serialize;

pub use self::{
    collect::btf_unreadable,
    reason::source_line,
    since::{Presence, Since},
};
use crate::{Name, Object, declaration::Place};

/// What kind of thing a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The type of a program.
    ProgramType,
    /// What a program is attached as.
    AttachType,
    /// A tracepoint that a program attaches to.
    Tracepoint,
    /// A system call whose tracepoint a program attaches to.
    SystemCall,
    /// A hook for programs of type lsm.
    LsmHook,
    /// What an iterator goes over.
    Iterator,
    /// A function of the kernel that a program attaches to.
    Function,
    /// A structure of the kernel that a struct_ops map fills.
    StructOps,
    /// The type of a map.
    MapType,
    /// A flag of a map.
    MapFlag,
    /// A helper function.
    Helper,
    /// A kernel function that a program calls.
    Kfunc,
    /// Instructions, calls, sizes: a row of `data/features.tsv`.
    Feature,
    /// A kind of type in BTF.
    Btf,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ProgramType => "program type",
            Self::AttachType => "attach type",
            Self::Tracepoint => "tracepoint",
            Self::SystemCall => "system call",
            Self::LsmHook => "LSM hook",
            Self::Iterator => "iterator",
            Self::Function => "function",
            Self::StructOps => "struct_ops",
            Self::MapType => "map type",
            Self::MapFlag => "map flag",
            Self::Helper => "helper",
            Self::Kfunc => "kfunc",
            Self::Feature => "feature",
            Self::Btf => "BTF kind",
        })
    }
}

/// When a kernel that lacks something says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The program does not load.
    Load,
    /// It loads, and cannot be attached.
    Attach,
}

/// One thing that an object asks of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Requirement {
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it is called.
    pub name: Name,
    /// The first release that has it; none if no table knows.
    pub since: Option<Since>,
    /// The first release without it again, where later kernels removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Since>,
    /// How `since` is known: a commit of the kernel, or the header or BTF that shows it.
    pub source: Option<&'static str>,
    /// When a kernel without it says so.
    pub stage: Stage,
    /// Whether loaders (Aya, libbpf) do without it on older kernels.
    pub softened: bool,
    /// Whether no kernel at all has it.
    pub impossible: bool,
    /// What else the kernel must be built or booted with.
    pub also: Option<&'static str>,
    /// Whether the kernel has it whose BTF was given; none where BTF cannot tell.
    pub in_btf: Option<bool>,
    /// The programs that ask for it. Empty for maps that no program uses.
    pub programs: BTreeSet<Name>,
    /// The lines of the source that do, at most one for each of `programs`.
    pub places: BTreeSet<Place>,
}

impl Requirement {
    /// Whether an older kernel cannot do without it.
    pub fn binds(&self) -> bool {
        !self.softened
    }

    /// Whether an object does without it that is loaded without these programs. Maps are
    /// made for all programs at once.
    fn is_only_of(&self, programs: &[String]) -> bool {
        let is_one = |name: &Name| programs.iter().any(|one| one == name.as_str());
        !matches!(self.kind, Kind::MapType | Kind::MapFlag)
            && !self.programs.is_empty()
            && self.programs.iter().all(is_one)
    }

    /// The release that must be asked for because of it.
    pub fn floor(&self) -> Option<KernelVersion> {
        self.since?.floor()
    }

    /// The last release that is known to have it, where later kernels removed it.
    pub fn last(&self) -> Option<KernelVersion> {
        self.gone?.last_before()
    }

    /// Whether Linux `release` has it.
    pub fn at(&self, release: KernelVersion) -> Presence {
        let gone = self.gone.map(|gone| gone.at(release));
        match (self.since, gone) {
            _ if self.impossible => Presence::Absent,
            (_, Some(Presence::There)) => Presence::Absent,
            (_, Some(Presence::Unknown)) | (None, _) => Presence::Unknown,
            (Some(since), _) => since.at(release),
        }
    }
}

/// What one program needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProgramRequirements {
    /// The program.
    pub name: Name,
    /// Its section.
    pub section: Name,
    /// The first release that loads and attaches it, as far as it is known.
    #[serde(serialize_with = "shown")]
    pub release: Option<KernelVersion>,
    /// The last release that does, where later kernels removed what it needs.
    #[serde(serialize_with = "shown", skip_serializing_if = "Option::is_none")]
    pub last: Option<KernelVersion>,
    /// What the object needs without this program, where that is less.
    #[serde(serialize_with = "shown")]
    pub without: Option<KernelVersion>,
    /// Whether the loader leaves it out where the kernel lacks what it needs.
    pub optional: bool,
}

/// What an object needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Requirements {
    /// The first release that loads and attaches all of it but optional programs, as far
    /// as it is known.
    #[serde(serialize_with = "shown")]
    pub release: Option<KernelVersion>,
    /// The last release that does, where later kernels removed what it needs.
    #[serde(serialize_with = "shown", skip_serializing_if = "Option::is_none")]
    pub last: Option<KernelVersion>,
    /// Newest first; what is unknown before all.
    pub requirements: Vec<Requirement>,
    /// In the order of the file.
    pub programs: Vec<ProgramRequirements>,
}

/// What a kernel will make of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prediction<'a> {
    /// It has all that the program needs.
    Supported,
    /// It lacks this, the newest thing that it lacks.
    Lacks(&'a Requirement),
    /// It lacks nothing that is known, but whether it has this is not known.
    Unknown(&'a Requirement),
}

/// The newest release that requirements ask for.
fn newest<'a>(requirements: impl Iterator<Item = &'a Requirement>) -> Option<KernelVersion> {
    requirements
        .filter(|requirement| requirement.binds())
        .filter_map(Requirement::floor)
        .max()
}

/// The oldest of the last releases that have what requirements ask for.
fn oldest_last<'a>(requirements: impl Iterator<Item = &'a Requirement>) -> Option<KernelVersion> {
    requirements
        .filter(|requirement| requirement.binds())
        .filter_map(Requirement::last)
        .min()
}

impl Requirements {
    /// What the object in `data` requires. Its programs in `optional` may be left out. With
    /// `kernel_btf`, the BTF of a kernel, also whether that kernel has what the programs
    /// attach to.
    ///
    /// # Errors
    /// When `data` is not a whole BPF object, or `kernel_btf` is not BTF.
    pub fn of(data: &[u8], optional: &[String], kernel_btf: Option<&[u8]>) -> Result<Self> {
        let object = Object::parse(data)?;
        let mut requirements = collect::requirements(data, &object, kernel_btf)?;
        // What binds before what does not; then the unknown, then newest first.
        requirements.sort_by(|a, b| {
            let unknown_first = |one: &Requirement| (one.softened, one.since.is_some());
            unknown_first(a)
                .cmp(&unknown_first(b))
                .then_with(|| b.since.cmp(&a.since))
                .then_with(|| (a.kind, &a.name).cmp(&(b.kind, &b.name)))
        });
        let programs = collect::programs(&object);
        Ok(Self::new(requirements, programs, optional))
    }

    fn new(
        requirements: Vec<Requirement>,
        programs: Vec<(Name, Name)>,
        optional: &[String],
    ) -> Self {
        let required = || requirements.iter().filter(|one| !one.is_only_of(optional));
        let release = newest(required());
        let last = oldest_last(required());
        let programs = programs
            .into_iter()
            .map(|(name, section)| {
                let others = required().filter(|requirement| {
                    requirement.programs.is_empty()
                        || requirement.programs.iter().any(|other| *other != name)
                });
                ProgramRequirements {
                    release: newest(
                        requirements
                            .iter()
                            .filter(|requirement| requirement.programs.contains(&name)),
                    ),
                    last: oldest_last(
                        requirements
                            .iter()
                            .filter(|requirement| requirement.programs.contains(&name)),
                    ),
                    without: newest(others).filter(|without| Some(*without) < release),
                    optional: optional.iter().any(|other| other == name.as_str()),
                    name,
                    section,
                }
            })
            .collect();
        Self {
            release,
            last,
            requirements,
            programs,
        }
    }

    /// The first release that loads and attaches that program, as far as it is known.
    /// None too if there is no such program.
    pub fn of_program(&self, name: &str) -> Option<KernelVersion> {
        self.programs
            .iter()
            .find(|program| program.name.as_str() == name)?
            .release
    }

    /// What cannot be left out with the optional programs.
    pub fn required(&self) -> impl Iterator<Item = &Requirement> {
        let optional = self.programs.iter().filter(|program| program.optional);
        let optional: Vec<_> = optional.map(|program| program.name.to_string()).collect();
        let required = move |one: &&Requirement| !one.is_only_of(&optional);
        self.requirements.iter().filter(required)
    }

    /// The requirements that make the object's release what it is.
    pub fn reasons(&self) -> impl Iterator<Item = &Requirement> {
        self.required().filter(|requirement| {
            requirement.binds() && self.release.is_some() && requirement.floor() == self.release
        })
    }

    /// What makes the object's last release what it is.
    pub fn ends(&self) -> impl Iterator<Item = &Requirement> {
        self.required().filter(|requirement| {
            requirement.binds() && self.last.is_some() && requirement.last() == self.last
        })
    }

    /// What binds, and no table knows since when.
    pub fn unknown(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements
            .iter()
            .filter(|requirement| requirement.binds() && requirement.since.is_none())
    }

    /// What Linux `release` will make of a program, up to `stage`. Of what the loader
    /// softens nothing is asked.
    pub fn predict(&self, program: &str, release: KernelVersion, stage: Stage) -> Prediction<'_> {
        let asked = |requirement: &&Requirement| {
            requirement.binds()
                && requirement.stage <= stage
                && requirement
                    .programs
                    .iter()
                    .any(|name| name.as_str() == program)
        };
        let mut unknown = None;
        for requirement in self.requirements.iter().filter(asked) {
            match requirement.at(release) {
                Presence::There => {}
                Presence::Absent => return Prediction::Lacks(requirement),
                Presence::Unknown => unknown = unknown.or(Some(requirement)),
            }
        }
        unknown.map_or(Prediction::Supported, Prediction::Unknown)
    }
}

fn shown<S: serde::Serializer>(
    release: &Option<KernelVersion>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match release {
        Some(release) => serializer.collect_str(release),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
