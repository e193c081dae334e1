//! New projects: from a name and program types to files, and to a directory. What existing ones
//! lack.

mod additions;
mod directory;
mod files;
mod name;
mod programs;

use std::path::{Path, PathBuf};

pub(crate) use self::{
    additions::{Addition, Existing, missing},
    directory::create,
    files::files,
    name::Name,
    programs::{PROGRAM_TYPES, ProgramType},
};

/// A file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Relative to the project.
    pub(crate) path: PathBuf,
    pub(crate) content: String,
}

/// Where a project takes `ebpf-build` and `ebpf-test` from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Libraries {
    /// The registry, in the version of this program.
    Published,
    /// A directory that contains a directory per crate.
    Directory(PathBuf),
}

impl Libraries {
    /// Those that belong to this program: if it was built in its repository, and that is
    /// still there, they are taken from there.
    pub(crate) fn own() -> Self {
        Self::beside(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    /// In a package from a registry, the directories beside it have their versions in their
    /// names.
    fn beside(package: &Path) -> Self {
        let directory = package.parent().filter(|directory| {
            let there = |name: &str| directory.join(name).join("Cargo.toml").is_file();
            // The manifest of the project has it as a text.
            directory.to_str().is_some() && there("ebpf-build") && there("ebpf-test")
        });
        directory.map_or(Self::Published, |found| Self::Directory(found.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_come_from_the_repository_if_it_is_there() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(
            Libraries::own(),
            Libraries::Directory(repository.to_owned())
        );
        let elsewhere = Path::new("/nowhere/cargo-ebpf-0.1.0");
        assert_eq!(Libraries::beside(elsewhere), Libraries::Published);
    }
}
