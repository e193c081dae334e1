//! What the project's root manifest says of it as a whole.

use cargo_metadata::Metadata;
use ebpf_build::{Error, Result};
use serde::Deserialize;

use crate::budget::Tolerances;

/// `[workspace.metadata.ebpf]`, or `[package.metadata.ebpf]` of a root package.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Settings {
    pub(super) loader: Option<String>,
    #[serde(default)]
    pub(super) demo: Vec<String>,
    #[serde(default)]
    pub(super) tolerance: Tolerances,
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
                "metadata-broken",
                "[workspace.metadata.ebpf] cannot be read",
            )
            .because(cause)
            .fix(
                "loader = \"PACKAGE\", demo = [\"ARGUMENT\", ...], \
                 tolerance = { default = 5, PROGRAM = 10 }",
            )
        };
        let settings = Self::deserialize(table).map_err(|cause| broken(cause.to_string()))?;
        if !settings.tolerance.are_valid() {
            return Err(broken("a tolerance is a percentage, 0 or more".to_owned()));
        }
        Ok(settings)
    }
}
