//! Which files may contain declarations: those of the crate itself, and of each crate that it
//! depends on and that depends on `ebpf-relocatable`.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package, PackageId, TargetKind};

use super::declaration::{Declaration, Problem, declarations};
use crate::{Code, Error, Result};

/// The crate with the attribute.
const CRATE: &str = "ebpf-relocatable";

/// The sources of an eBPF program.
#[derive(Debug)]
pub(super) struct Sources {
    manifest_dir: PathBuf,
    /// Directories with sources.
    directories: BTreeSet<PathBuf>,
    /// What the result depends on.
    pub watched: BTreeSet<PathBuf>,
}

impl Sources {
    /// Of the crate in `manifest_dir`.
    pub(super) fn find(manifest_dir: &Path) -> Result<Self> {
        let manifest = manifest_dir.join("Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .features(CargoOpt::AllFeatures)
            // The crates are there, as one of them is just built.
            .other_options(["--offline".to_owned()])
            .exec()
            .map_err(|cause| {
                Error::new(
                    Code::NoCrate,
                    format!(
                        "could not determine the dependencies of {} with cargo metadata",
                        manifest_dir.display()
                    ),
                )
                .because(cause.to_string())
            })?;
        let mut sources = Self {
            manifest_dir: canonical(manifest_dir),
            directories: BTreeSet::new(),
            watched: BTreeSet::from([metadata.workspace_root.join("Cargo.lock").into()]),
        };
        for package in declaring(&metadata, &manifest) {
            sources.add(package);
        }
        Ok(sources)
    }

    fn add(&mut self, package: &Package) {
        self.watched.insert(package.manifest_path.clone().into());
        let targets = package.targets.iter().filter(|target| {
            target.kind.iter().all(|kind| {
                !matches!(
                    kind,
                    TargetKind::CustomBuild
                        | TargetKind::Test
                        | TargetKind::Bench
                        | TargetKind::Example
                )
            })
        });
        let directories = targets.filter_map(|target| target.src_path.parent());
        for directory in directories {
            let directory = canonical(directory.as_std_path());
            self.watched.insert(directory.clone());
            self.directories.insert(directory);
        }
    }

    /// All declarations, those of the crate itself first: members are in their order.
    pub(super) fn declarations(&self) -> Result<(Vec<Declaration>, Vec<Problem>)> {
        let mut files = BTreeSet::new();
        for directory in &self.directories {
            collect(directory, &mut files)?;
        }
        let (own, others): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|path| path.starts_with(&self.manifest_dir));
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        for path in own.into_iter().chain(others) {
            let text =
                fs::read_to_string(&path).map_err(|cause| Error::io("read", &path, &cause))?;
            let shown = path.strip_prefix(&self.manifest_dir).unwrap_or(&path);
            let (declared, wrong) = declarations(shown, &text);
            all.extend(declared);
            problems.extend(wrong);
        }
        Ok((all, problems))
    }
}

/// The Rust files in `directory`. Build results are beside the sources where these are not in
/// `src/`.
fn collect(directory: &Path, into: &mut BTreeSet<PathBuf>) -> Result<()> {
    let failed = |cause| Error::io("read", directory, &cause);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if kind.is_dir() && entry.file_name() != "target" {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.is_file() {
            into.insert(path);
        }
    }
    Ok(())
}

/// Two spellings of a path are one, as `path = "../shared/main.rs"` in a manifest.
fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The package with this manifest, and those that it depends on and that depend on the crate
/// with the attribute.
fn declaring<'a>(metadata: &'a Metadata, manifest: &Path) -> Vec<&'a Package> {
    let same = |package: &&Package| {
        fs::canonicalize(&package.manifest_path).ok() == fs::canonicalize(manifest).ok()
    };
    let Some(root) = metadata.packages.iter().find(same) else {
        return Vec::new();
    };
    let edges: HashMap<&PackageId, &[PackageId]> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (&node.id, node.dependencies.as_slice()))
        .collect();
    let packages: HashMap<&PackageId, &Package> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package))
        .collect();
    let mut reached = HashSet::from([&root.id]);
    let mut open = vec![&root.id];
    while let Some(id) = open.pop() {
        for dependency in edges.get(id).copied().unwrap_or_default() {
            if reached.insert(dependency) {
                open.push(dependency);
            }
        }
    }
    reached
        .into_iter()
        .filter_map(|id| packages.get(id).copied())
        .filter(|package| {
            package.id == root.id
                || package
                    .dependencies
                    .iter()
                    .any(|dependency| dependency.name == CRATE)
        })
        .collect()
}
