//! Which crates the loader depends on.

use std::{
    cell::OnceCell,
    collections::HashMap,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use ebpf_base::child;

/// The crates that the crate in a directory depends on. They are determined when they are first
/// needed: most objects have no type of another crate.
#[derive(Debug)]
pub(super) struct Dependencies {
    directory: PathBuf,
    names: OnceCell<HashMap<String, String>>,
}

impl Dependencies {
    /// Those of the crate whose manifest is in `directory`.
    pub(super) fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            names: OnceCell::new(),
        }
    }

    /// What the crate calls its dependency with the library `name`; `None` if it has no such one.
    pub(super) fn local_name(&self, name: &str) -> Option<String> {
        let names = self.names.get_or_init(|| {
            let manifest = self.directory.join("Cargo.toml");
            metadata(&manifest).map_or_else(HashMap::new, |metadata| names(&metadata, &manifest))
        });
        names.get(name).cloned()
    }
}

/// What cargo knows of a manifest, without the packages that it depends on.
fn metadata(manifest: &Path) -> Option<Metadata> {
    let mut command = MetadataCommand::new();
    let mut command = command.manifest_path(manifest).no_deps().cargo_command();
    let output = child::output(&mut command).ok()?;
    MetadataCommand::parse(String::from_utf8_lossy(&output.stdout)).ok()
}

/// The names of packages, as their libraries have them, and what the crate calls them.
fn names(metadata: &Metadata, manifest: &Path) -> HashMap<String, String> {
    let package = metadata.packages.iter().find(|package| {
        let found = package.manifest_path.as_std_path();
        found.canonicalize().ok() == manifest.canonicalize().ok()
    });
    let dependencies = package
        .into_iter()
        .flat_map(|package| &package.dependencies);
    dependencies
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| {
            let local = dependency.rename.as_ref().unwrap_or(&dependency.name);
            (library(&dependency.name), library(local))
        })
        .collect()
}

fn library(package: &str) -> String {
    package.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skeleton::tests::loader;

    #[test]
    fn renamed_dependencies_have_the_names_of_the_crate() {
        let root = loader(
            "my-common = \"1\"\nevents = { package = \"my-events\", version = \"1\" }\n\
             [build-dependencies]\nebpf-build = \"1\"",
        );
        let dependencies = Dependencies::of(root.path());
        let local = |name| dependencies.local_name(name);
        assert_eq!(local("my_common").as_deref(), Some("my_common"));
        assert_eq!(local("my_events").as_deref(), Some("events"));
        assert_eq!(local("ebpf_build"), None);
    }
}
