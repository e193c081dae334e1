//! The objects that were built: a line per object.

use std::path::PathBuf;

use ebpf_build::{Error, Finding};
use ebpf_object::{Summary, link::Given};
use indicatif::HumanBytes;
use serde::{Serialize, Serializer};

use super::{Report, human};
use crate::project::PassedOver;

/// The objects of a project.
#[derive(Debug, Serialize)]
pub(crate) struct Built {
    pub(crate) objects: Vec<BuiltObject>,
    /// Why other objects are not there.
    #[serde(serialize_with = "findings_of", skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<Error>,
    /// Crates for BPF that are not built with the project.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) passed_over: Vec<PassedOver>,
}

fn findings_of<S: Serializer>(errors: &[Error], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(errors.iter().flat_map(Error::findings))
}

/// One object, where it is and what is in it.
#[derive(Debug, Serialize)]
pub(crate) struct BuiltObject {
    pub(crate) name: String,
    /// The package that it comes from.
    #[serde(rename = "crate")]
    pub(crate) from: String,
    pub(crate) path: PathBuf,
    pub(crate) target: &'static str,
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// Programs that the loader leaves out where the kernel lacks what they attach to.
    #[serde(skip)]
    pub(crate) optional: Vec<String>,
    /// What the loader sets.
    #[serde(skip)]
    pub(crate) given: Given,
    /// Whether nothing had to be built.
    pub(crate) fresh: bool,
    pub(crate) warnings: Vec<Finding>,
}

impl Report for Built {
    fn human(&self) -> String {
        let lines: Vec<String> = self.objects.iter().map(BuiltObject::line).collect();
        lines.join("\n")
    }

    fn findings(&self) -> Vec<Finding> {
        let objects = self.objects.iter();
        let warnings = objects.flat_map(|object| object.warnings.clone());
        let failed = self.failed.iter().flat_map(Error::findings).cloned();
        warnings.chain(failed).collect()
    }
}

impl BuiltObject {
    /// For people: one line.
    pub(crate) fn line(&self) -> String {
        let Summary {
            size,
            programs,
            maps,
            instructions,
        } = self.summary;
        format!(
            "{}: {}, {}, {}, {} ({})",
            human::path(&self.path),
            HumanBytes(size),
            human::counted(programs, "program"),
            human::counted(maps, "map"),
            human::counted(instructions, "instruction"),
            if self.fresh { "unchanged" } else { "built" },
        )
    }
}
