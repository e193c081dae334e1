//! What matters of a `Cargo.toml` for finding crates.

use std::{
    io,
    path::{Path, PathBuf},
};

use ebpf_build::{Error, Result};
use serde::Deserialize;

use crate::code::Code;

/// A manifest.
#[derive(Debug)]
pub(super) struct Manifest {
    /// The name of its package, if it has one.
    pub(super) package: Option<String>,
    /// What it excludes from its workspace.
    pub(super) excluded: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
struct Tables {
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

impl Manifest {
    /// That in `dir`, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not a manifest.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join("Cargo.toml");
        let text = match ebpf_base::read_text(&path) {
            Ok(text) => text,
            Err(cause) if is_elsewhere(&cause) => return Ok(None),
            Err(cause) => return Err(Error::io("read", &path, &cause)),
        };
        let tables: Tables = toml_edit::de::from_str(&text).map_err(|cause| {
            broken(
                format!("{} is not a valid manifest", path.display()),
                cause.to_string(),
            )
        })?;
        Ok(Some(Self {
            package: tables.package.map(|package| package.name),
            excluded: tables.workspace.unwrap_or_default().exclude,
        }))
    }
}

/// A manifest that cargo, or this program, cannot read.
pub(super) fn broken(message: String, cause: String) -> Error {
    Error::new(Code::ManifestBroken, message).because(cause)
}

/// Whether the cause is what lies beside a project, such as another user's directory, or a file
/// in place of a directory.
pub(super) fn is_elsewhere(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}
