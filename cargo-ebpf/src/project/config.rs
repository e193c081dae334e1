//! The few settings of cargo's `config.toml` that decide what is built for BPF.

use std::{
    io,
    path::{Path, PathBuf},
};

use ebpf_build::{Error, Result};
use serde_json::{Map, Value};

use crate::code::Code;

/// One `config.toml`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CargoConfig {
    pub(crate) path: PathBuf,
    table: Map<String, Value>,
}

impl CargoConfig {
    /// The settings in `folder` itself, under either of the names that cargo takes.
    ///
    /// # Errors
    /// When the file cannot be read or is no TOML.
    pub(crate) fn of(folder: &Path) -> Result<Option<Self>> {
        Self::in_dot_cargo(&folder.join(".cargo"))
    }

    /// The settings in a folder that holds `config.toml` itself, as CARGO_HOME does.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn in_dot_cargo(folder: &Path) -> Result<Option<Self>> {
        // Cargo prefers the name without extension where both are there.
        for name in ["config", "config.toml"] {
            let path = folder.join(name);
            match ebpf_base::read_text(&path) {
                Ok(text) => return Self::parse(path, &text).map(Some),
                Err(cause) if is_absent(&cause) => {}
                Err(cause) => return Err(Error::io("read", &path, &cause)),
            }
        }
        Ok(None)
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self> {
        match toml_edit::de::from_str(text) {
            Ok(table) => Ok(Self { path, table }),
            Err(cause) => Err(Error::new(
                Code::ConfigBroken,
                format!("{} is not valid TOML", path.display()),
            )
            .because(cause.to_string())),
        }
    }

    /// The BPF targets that are built here when nobody names a target.
    pub(crate) fn default_bpf_targets(&self) -> Vec<&str> {
        let target = self
            .table
            .get("build")
            .and_then(|build| build.get("target"));
        let targets = match target {
            Some(Value::String(target)) => vec![target.as_str()],
            Some(Value::Array(targets)) => targets.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        targets
            .into_iter()
            .filter(|target| is_bpf(target))
            .collect()
    }

    /// Whether it names a program of the user's own to run tests with, for more than one
    /// target.
    pub(crate) fn has_runner(&self) -> bool {
        let targets = self.table.get("target").and_then(Value::as_object);
        let mut targets = targets.into_iter().flatten();
        targets.any(|(name, target)| name.starts_with("cfg(") && target.get("runner").is_some())
    }

    /// The first setting that speaks of BPF without making it the default target: a
    /// `[target.bpf*]` table, or bpf-linker anywhere.
    pub(crate) fn bpf_setting(&self) -> Option<String> {
        let tables = self.table.get("target").and_then(Value::as_object);
        tables
            .and_then(|targets| targets.keys().find(|name| is_bpf(name)))
            .map(|name| format!("[target.{name}]"))
            .or_else(|| mentions_linker(&self.table).then(|| "bpf-linker".to_owned()))
    }
}

/// A folder may lack `.cargo`, or have a file of that name.
fn is_absent(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Every config that cargo merges for a build in `folder`, nearest first: its own,
/// those of all folders above, and CARGO_HOME's.
///
/// # Errors
/// As [`CargoConfig::of`].
pub(crate) fn configs_of(folder: &Path) -> Result<Vec<CargoConfig>> {
    let mut found: Vec<CargoConfig> = Vec::new();
    for folder in folder.ancestors() {
        found.extend(CargoConfig::of(folder)?);
    }
    if let Some(home) = cargo_home()
        && let Some(config) = CargoConfig::in_dot_cargo(&home)?
        && !found.iter().any(|known| known.path == config.path)
    {
        found.push(config);
    }
    Ok(found)
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

fn is_bpf(target: &str) -> bool {
    target.starts_with("bpf")
}

fn mentions_linker(table: &Map<String, Value>) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("bpf-linker"),
            Value::Array(values) => values.iter().any(within),
            Value::Object(table) => table.values().any(within),
            _ => false,
        }
    }
    // Aliases and environment variables may well speak of it.
    ["build", "target"]
        .iter()
        .filter_map(|section| table.get(*section))
        .any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> CargoConfig {
        CargoConfig::parse("config.toml".into(), text).unwrap()
    }

    #[test]
    fn a_default_target_may_be_one_or_many() {
        let one = config("[build]\ntarget = 'bpfel-unknown-none'");
        assert_eq!(one.default_bpf_targets(), ["bpfel-unknown-none"]);
        let many = config("[build]\ntarget = ['x86_64-unknown-linux-gnu', 'bpfeb-unknown-none']");
        assert_eq!(many.default_bpf_targets(), ["bpfeb-unknown-none"]);
        assert!(
            config("[alias]\nx = 'run'")
                .default_bpf_targets()
                .is_empty()
        );
        assert!(
            config("[build]\ntarget = 3")
                .default_bpf_targets()
                .is_empty()
        );
    }

    #[test]
    fn settings_for_bpf_are_seen_in_every_shape() {
        let setting = |text| config(text).bpf_setting();
        assert_eq!(
            setting("[target.bpfel-unknown-none]\nlinker = 'bpf-linker'").as_deref(),
            Some("[target.bpfel-unknown-none]")
        );
        assert_eq!(
            setting("[target.'cfg(target_arch = \"bpf\")']\nlinker = 'bpf-linker'").as_deref(),
            Some("bpf-linker")
        );
        assert_eq!(
            setting("[build]\nrustflags = ['-C', 'linker=bpf-linker']").as_deref(),
            Some("bpf-linker")
        );
        assert_eq!(setting("[alias]\nlink = 'run --bin bpf-linker'"), None);
    }

    #[test]
    fn a_runner_for_many_targets_is_seen() {
        assert!(config("[target.'cfg(all())']\nrunner = 'sudo -E'").has_runner());
        assert!(!config("[target.x86_64-unknown-linux-gnu]\nrunner = 'sudo -E'").has_runner());
        assert!(!config("[target.'cfg(unix)']\nlinker = 'lld'").has_runner());
    }

    #[test]
    fn what_is_no_toml_is_named() {
        let error = CargoConfig::parse("x/config.toml".into(), "[build").unwrap_err();
        assert_eq!(error.code(), "config-broken");
        assert!(error.finding().message.contains("x/config.toml"));
    }
}
