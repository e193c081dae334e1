//! Which crates of a project are for BPF, and which such crates are not the project's.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use cargo_metadata::Metadata;
use ebpf_build::{
    Result,
    settings::{self, Settings},
};
use serde::{Serialize, Serializer};

use super::{
    build_scripts,
    manifest::Manifest,
    tree::{self, Aside},
};

/// A crate that is built for BPF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EbpfCrate {
    /// The package's name.
    pub(crate) name: String,
    /// The folder of its Cargo.toml.
    pub(crate) dir: PathBuf,
    /// Whether the workspace lists it as a member.
    pub(crate) member: bool,
    /// Whether a build script of the project builds it, with the flags that it needs.
    pub(crate) scripted: bool,
}

impl EbpfCrate {
    /// The names of the objects that a build of it makes: of its programs, as cargo finds
    /// them.
    ///
    /// # Errors
    /// When its manifest cannot be read.
    pub(crate) fn objects(&self) -> Result<BTreeSet<String>> {
        Ok(settings::read(&self.dir)?.programs)
    }
}

/// A crate for BPF in the project's directory that is not built with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PassedOver {
    /// The package's name; of one that cannot be read, that of its directory.
    #[serde(rename = "crate")]
    pub(crate) name: String,
    /// The directory of its Cargo.toml.
    #[serde(rename = "path")]
    pub(crate) dir: PathBuf,
    pub(crate) reason: Reason,
}

/// Why a crate is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Because of the directory that it is in.
    Aside(Aside),
    /// `[workspace.metadata.ebpf] exclude` lists it, or a directory above it.
    Excluded,
    /// The crate in this directory has the same name and the same programs.
    Copy(PathBuf),
    /// Its manifest cannot be read, for this cause.
    Unreadable(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aside(aside) => aside.fmt(f),
            Self::Excluded => write!(f, "[workspace.metadata.ebpf] excludes it"),
            Self::Copy(of) => write!(f, "it has the name and the programs of {}", of.display()),
            Self::Unreadable(cause) => write!(f, "its Cargo.toml cannot be read: {cause}"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sorted by name.
    pub(super) crates: Vec<EbpfCrate>,
    /// Sorted by directory.
    pub(super) passed_over: Vec<PassedOver>,
}

/// A package that may be an eBPF crate.
struct Candidate {
    name: String,
    dir: PathBuf,
    member: bool,
    settings: Settings,
    reason: Option<Reason>,
}

/// The eBPF crates of the workspace at `root`: its members, what its manifest excludes from it, and
/// the packages in all directories below, but for those that `exclude` lists and those in
/// directories that are not a project's own.
pub(super) fn find(root: &Path, metadata: &Metadata, exclude: &[PathBuf]) -> Result<Found> {
    let members: BTreeSet<PathBuf> = metadata
        .workspace_packages()
        .iter()
        .filter_map(|package| Some(package.manifest_path.parent()?.as_std_path().to_owned()))
        .collect();
    let manifest = Manifest::read(root)?;
    let named: BTreeSet<PathBuf> = manifest
        .into_iter()
        .flat_map(|manifest| manifest.excluded)
        .map(|directory| root.join(directory))
        .collect();
    let excluded = |dir: &Path| {
        exclude
            .iter()
            .any(|below| dir.starts_with(root.join(below)))
    };

    let mut found = Found::default();
    let mut candidates = Vec::new();
    for (dir, aside) in tree::packages(root, &members, &named)? {
        let member = members.contains(&dir);
        let reason = match excluded(&dir) {
            true => Some(Reason::Excluded),
            false => aside.map(Reason::Aside),
        };
        match read(&dir) {
            Ok(None) => {}
            Ok(Some((name, settings))) => candidates.push(Candidate {
                name,
                dir,
                member,
                settings,
                reason,
            }),
            Err(error) if reason.is_none() && dir.join(".cargo").is_dir() => return Err(error),
            // A template, or somebody's fixture. One for BPF has this name in it.
            Err(error) => {
                let text = ebpf_base::read_text(&dir.join("Cargo.toml")).unwrap_or_default();
                if settings::AYA_CRATES.iter().any(|name| text.contains(name)) {
                    let cause = error.finding().cause.clone().unwrap_or_default();
                    let first = cause.lines().next().unwrap_or_default().to_owned();
                    let name = dir.file_name().unwrap_or_default().to_string_lossy();
                    found.passed_over.push(PassedOver {
                        name: name.into_owned(),
                        reason: reason.unwrap_or(Reason::Unreadable(first)),
                        dir,
                    });
                }
            }
        }
    }

    let handed = build_scripts::handed(metadata);
    let scripted = |one: &Candidate| handed.contain(&one.name, &one.dir);
    let is_handed = |one: &Candidate| one.settings.freestanding && scripted(one);
    candidates.retain(|one| {
        // A workspace whose root config names a BPF target has other members that
        // it spoils; `doctor` says so. It is an eBPF crate only when alone.
        let spoiled = one.dir == root && members.len() > 1;
        (one.settings.is_ebpf() || is_handed(one)) && !spoiled
    });
    // Of two copies, the one that the project names, else the one that is less deep.
    candidates.sort_by_key(|one| {
        let depth = one.dir.components().count();
        (
            !one.member,
            !named.contains(&one.dir),
            depth,
            one.dir.clone(),
        )
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for mut one in candidates {
        let twin = kept.iter().find(|other| {
            !one.member
                && one.name == other.name
                && one.settings.programs == other.settings.programs
        });
        one.reason = one.reason.or_else(|| Some(Reason::Copy(twin?.dir.clone())));
        let Candidate { name, dir, .. } = &one;
        match one.reason {
            Some(reason) => found.passed_over.push(PassedOver {
                name: one.name,
                dir: one.dir,
                reason,
            }),
            None => {
                found.crates.push(EbpfCrate {
                    name: name.clone(),
                    dir: dir.clone(),
                    member: one.member,
                    scripted: scripted(&one),
                });
                kept.push(one);
            }
        }
    }
    let by_name = |a: &EbpfCrate, b: &EbpfCrate| (&a.name, &a.dir).cmp(&(&b.name, &b.dir));
    found.crates.sort_unstable_by(by_name);
    found.passed_over.sort_unstable_by(|a, b| a.dir.cmp(&b.dir));
    Ok(found)
}

/// The name and the settings of the package in `dir`, if its manifest has one.
fn read(dir: &Path) -> Result<Option<(String, Settings)>> {
    let Some(name) = Manifest::read(dir)?.and_then(|manifest| manifest.package) else {
        return Ok(None);
    };
    Ok(Some((name, settings::read(dir)?)))
}
