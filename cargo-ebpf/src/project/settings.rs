//! What the project's root manifest says of it as a whole.

use std::path::PathBuf;

use cargo_metadata::Metadata;
use ebpf_build::{Error, Result};
use serde::Deserialize;

use crate::{budget::Tolerances, code::Code};

/// `[workspace.metadata.ebpf]`, or `[package.metadata.ebpf]` of a root package.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) loader: Option<String>,
    /// The cargo profile that `run` builds the loader in.
    #[serde(default = "release", rename = "loader-profile")]
    pub(super) loader_profile: String,
    #[serde(default)]
    pub(super) demo: Vec<String>,
    #[serde(default)]
    pub(super) tolerance: Tolerances,
    /// Directories whose eBPF crates are not built with the project.
    #[serde(default)]
    pub(super) exclude: Vec<PathBuf>,
}

fn release() -> String {
    "release".to_owned()
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            loader: None,
            loader_profile: release(),
            demo: Vec::new(),
            tolerance: Tolerances::default(),
            exclude: Vec::new(),
        }
    }
}

impl Settings {
    /// # Errors
    /// When there is something else than what belongs there.
    pub(super) fn of(metadata: &Metadata) -> Result<Self> {
        let of_root = || metadata.root_package().map(|package| &package.metadata);
        let Some(table) = metadata
            .workspace_metadata
            .get("ebpf")
            .or_else(|| of_root()?.get("ebpf"))
        else {
            return Ok(Self::default());
        };
        let broken = |cause: String| {
            Error::new(
                Code::MetadataBroken,
                "[workspace.metadata.ebpf] is not valid",
            )
            .because(cause)
            .fix(
                "use these keys: loader = \"PACKAGE\", loader-profile = \"PROFILE\", demo = [\"ARGUMENT\", ...], \
                 tolerance = { default = 5, PROGRAM = 10 }, exclude = [\"DIRECTORY\", ...]",
            )
        };
        let settings = Self::deserialize(table).map_err(|cause| broken(cause.to_string()))?;
        if !settings.tolerance.are_valid() {
            return Err(broken("a tolerance is a percentage, 0 or more".to_owned()));
        }
        Ok(settings)
    }
}
