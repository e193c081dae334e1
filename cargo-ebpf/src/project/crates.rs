//! Which crates of a project are for BPF.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use cargo_metadata::Metadata;
use ebpf_build::{Error, Result, settings};
use serde::Deserialize;

use crate::code::Code;

/// A crate that is built for BPF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EbpfCrate {
    /// The package's name.
    pub(crate) name: String,
    /// The folder of its Cargo.toml.
    pub(crate) dir: PathBuf,
    /// Whether the workspace lists it as a member.
    pub(crate) member: bool,
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

/// What matters here of a `Cargo.toml`.
#[derive(Debug, Default, Deserialize)]
struct Manifest {
    package: Option<PackageTable>,
    workspace: Option<WorkspaceTable>,
}

#[derive(Debug, Deserialize)]
struct PackageTable {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct WorkspaceTable {
    #[serde(default)]
    exclude: Vec<PathBuf>,
}

/// The eBPF crates of the workspace at `root`: among its members, the crates in its
/// direct sub folders, and what it excludes.
pub(super) fn find(root: &Path, metadata: &Metadata) -> Result<Vec<EbpfCrate>> {
    let members: BTreeSet<PathBuf> = metadata
        .workspace_packages()
        .iter()
        .filter_map(|package| Some(package.manifest_path.parent()?.as_std_path().to_owned()))
        .collect();
    let mut folders = members.clone();
    folders.insert(root.to_owned());
    folders.extend(sub_folders(root)?);
    for excluded in excluded(root)? {
        folders.extend(sub_folders(&excluded)?);
        folders.insert(excluded);
    }

    let mut found = Vec::new();
    for dir in folders {
        if let Some(name) = ebpf_package(&dir)? {
            let member = members.contains(&dir);
            // A workspace whose root config names a BPF target has other members that
            // it spoils; `doctor` says so. It is an eBPF crate only when alone.
            let spoiled = dir == root && members.len() > 1;
            if !spoiled {
                found.push(EbpfCrate { name, dir, member });
            }
        }
    }
    found.sort_unstable_by(|a, b| (&a.name, &a.dir).cmp(&(&b.name, &b.dir)));
    Ok(found)
}

/// The name of the package in `dir` when its own settings make it an eBPF crate.
fn ebpf_package(dir: &Path) -> Result<Option<String>> {
    let package = match manifest(dir) {
        Ok(manifest) => manifest.and_then(|manifest| manifest.package),
        // A template, or somebody's fixture: only a crate with settings can be meant.
        Err(_) if !dir.join(".cargo").is_dir() => None,
        Err(error) => return Err(error),
    };
    let Some(package) = package else {
        return Ok(None);
    };
    Ok(settings::read(dir)?.is_ebpf().then_some(package.name))
}

fn excluded(root: &Path) -> Result<Vec<PathBuf>> {
    let workspace = manifest(root)?.and_then(|manifest| manifest.workspace);
    Ok(workspace
        .unwrap_or_default()
        .exclude
        .iter()
        .map(|folder| root.join(folder))
        .collect())
}

fn manifest(dir: &Path) -> Result<Option<Manifest>> {
    let path = dir.join("Cargo.toml");
    let text = match ebpf_base::read_text(&path) {
        Ok(text) => text,
        Err(cause) if is_elsewhere(&cause) => return Ok(None),
        Err(cause) => return Err(Error::io("read", &path, &cause)),
    };
    toml::from_str(&text).map(Some).map_err(|cause| {
        broken_manifest(
            format!("{} is not a valid manifest", path.display()),
            cause.to_string(),
        )
    })
}

/// A manifest that cargo, or this program, cannot read.
pub(super) fn broken_manifest(message: String, cause: String) -> Error {
    Error::new(Code::ManifestBroken, message).because(cause)
}

/// Folders right below `folder`, without hidden ones and cargo's own.
fn sub_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if is_elsewhere(&cause) => return Ok(Vec::new()),
        Err(cause) => return Err(Error::io("list", folder, &cause)),
    };
    Ok(entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            // A link is another name of a folder that counts where it is.
            let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            name != "target" && !name.to_string_lossy().starts_with('.') && !link
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect())
}

/// Whatever lies beside a project is no fault of it: a folder of another user's, a
/// file where a folder was meant.
fn is_elsewhere(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}
