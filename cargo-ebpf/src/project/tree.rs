//! The packages below a project's root, and the directories whose packages are not its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
};

use ebpf_build::{Error, Result};

use super::manifest::is_elsewhere;

/// How far below the root, and below each directory that it names, packages are looked for.
const DEPTH: usize = 8;

/// Why the packages in a directory are not built with the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aside {
    /// It belongs to the tests, examples or templates: a directory of this name.
    Named(&'static str),
    /// It has a repository of its own.
    Repository,
    /// Cargo, or a person, copied it from elsewhere.
    Vendored,
}

/// Directories for what is not part of a project. A member of the workspace is part of it
/// wherever it is.
const NAMES: [&str; 9] = [
    "benches",
    "example",
    "examples",
    "fixtures",
    "template",
    "templates",
    "test",
    "testdata",
    "tests",
];

const VENDORED: [&str; 4] = ["node_modules", "third_party", "third-party", "vendor"];

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "it is in a directory called {name}"),
            Self::Repository => write!(f, "it is in another repository"),
            Self::Vendored => write!(f, "it is vendored"),
        }
    }
}

/// The directories with a `Cargo.toml`, each with what sets it aside: the `members` of the
/// workspace, and those below `root` and below the directories that are `named`. Hidden
/// directories and cargo's own have none.
///
/// # Errors
/// When a directory cannot be listed, other than for want of permission.
pub(super) fn packages(
    root: &Path,
    members: &BTreeSet<PathBuf>,
    named: &BTreeSet<PathBuf>,
) -> Result<BTreeMap<PathBuf, Option<Aside>>> {
    let mut found = BTreeMap::new();
    walk(root, None, DEPTH, &mut found)?;
    for directory in named {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        // A crate that the project names is its own. A directory of many may be its examples.
        let aside = match directory.join("Cargo.toml").is_file() {
            true => None,
            false => set_aside(&name, directory),
        };
        if !is_skipped(&name, directory) {
            walk(directory, aside, DEPTH, &mut found)?;
        }
    }
    found.extend(members.iter().map(|member| (member.clone(), None)));
    Ok(found)
}

fn walk(
    directory: &Path,
    aside: Option<Aside>,
    depth: usize,
    found: &mut BTreeMap<PathBuf, Option<Aside>>,
) -> Result<()> {
    if directory.join("Cargo.toml").is_file() {
        found.insert(directory.to_owned(), aside);
    }
    if depth == 0 {
        return Ok(());
    }
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(cause) if is_elsewhere(&cause) => return Ok(()),
        Err(cause) => return Err(Error::io("list", directory, &cause)),
    };
    for entry in entries.flatten() {
        // A link is another name of a directory that counts where it is.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_skipped(&name, &path) {
            continue;
        }
        walk(
            &path,
            aside.or_else(|| set_aside(&name, &path)),
            depth - 1,
            found,
        )?;
    }
    Ok(())
}

/// Whether a directory is hidden, or of cargo's results.
fn is_skipped(name: &str, path: &Path) -> bool {
    name.starts_with('.') || name == "target" || path.join("CACHEDIR.TAG").is_file()
}

/// What sets a directory aside that is not set aside with the one around it.
fn set_aside(name: &str, path: &Path) -> Option<Aside> {
    let vendored = VENDORED.contains(&name) || path.join(".cargo-checksum.json").is_file();
    // A submodule and a worktree have a file.
    let repository = path.join(".git").exists();
    match NAMES.iter().find(|aside| **aside == name) {
        Some(name) => Some(Aside::Named(name)),
        None if vendored => Some(Aside::Vendored),
        None if repository => Some(Aside::Repository),
        None => None,
    }
}
