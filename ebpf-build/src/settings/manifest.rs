//! What the manifest of a crate has about its programs and their loader.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use super::document::{line_of, type_name};
use crate::{Code, Error, Finding, KernelVersion, Result};

/// The crates that programs for BPF are written with.
pub const AYA_CRATES: [&str; 2] = ["aya-ebpf", "aya-bpf"];

/// Whether a crate depends on aya-ebpf, under whatever name and for whatever target.
pub(super) fn depends_on_aya(manifest: &Value) -> bool {
    let of_targets = manifest.get("target").and_then(Value::as_object);
    let of_targets = of_targets.into_iter().flat_map(|targets| targets.values());
    of_targets
        .chain([manifest])
        .filter_map(|table| table.get("dependencies")?.as_object())
        .flatten()
        .any(|(name, needed)| {
            let package = needed.get("package").and_then(Value::as_str);
            AYA_CRATES.contains(&package.unwrap_or(name))
        })
}

/// The names of a package's programs, as cargo finds them.
pub(super) fn programs(manifest: &Value, folder: &Path) -> BTreeSet<String> {
    let name = |table: &Value| Some(table.get("name")?.as_str()?.to_owned());
    let listed = manifest.get("bin").and_then(Value::as_array);
    let mut names: BTreeSet<_> = listed.into_iter().flatten().filter_map(name).collect();
    if names.is_empty() && folder.join("src/main.rs").is_file() {
        names.extend(manifest.get("package").and_then(name));
    }
    let more = fs::read_dir(folder.join("src/bin")).into_iter().flatten();
    names.extend(more.flatten().filter_map(|entry| {
        let path = entry.path();
        let source =
            path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
        source.then(|| Some(path.file_stem()?.to_str()?.to_owned()))?
    }));
    names
}

/// Whether the source of a program has the attribute `no_main`.
pub(super) fn is_freestanding(manifest: &Value, folder: &Path) -> bool {
    let listed = manifest.get("bin").and_then(Value::as_array);
    let listed = listed.into_iter().flatten();
    let paths = listed.filter_map(|bin| Some(folder.join(bin.get("path")?.as_str()?)));
    let more = fs::read_dir(folder.join("src/bin")).into_iter().flatten();
    let more = more.flatten().map(|entry| entry.path());
    paths
        .chain([folder.join("src/main.rs")])
        .chain(more.map(|path| match path.is_dir() {
            true => path.join("main.rs"),
            false => path,
        }))
        .filter_map(|source| ebpf_base::read_text(&source).ok())
        .any(|text| {
            let mut lines = text.lines().map(str::trim_start);
            lines.any(|line| line.starts_with("#![") && line.contains("no_main"))
        })
}

/// A table of names that the loader sets, `key` of `[package.metadata.ebpf]`.
pub(super) fn table<T>(
    metadata: &Value,
    key: &str,
    folder: &Path,
    value: impl Fn(&Value) -> Option<T>,
) -> Result<BTreeMap<String, T>> {
    let manifest = folder.join("Cargo.toml");
    let invalid = |what: &str| {
        let message = format!("{}: {what}", manifest.display());
        Error::from(
            Finding::error(Code::GivenInvalid, message)
                .because(
                    "values of map-sizes are numbers of entries, values of set are integers \
                     or booleans",
                )
                .fix("write, for example: map-sizes = { EVENTS = 1024 } or set = { PID = 1 }")
                .at(&manifest, line_of(&manifest, key)),
        )
    };
    let entries = match metadata.get(key) {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(other) => {
            return Err(invalid(&format!(
                "`{key}` must be a table, but is of the TOML type {}",
                type_name(other)
            )));
        }
    };
    let entries = entries.iter().map(|(name, found)| {
        let value = value(found)
            .ok_or_else(|| invalid(&format!("`{key}` contains an invalid value for `{name}`")))?;
        Ok((name.clone(), value))
    });
    entries.collect()
}

pub(super) fn min_kernel(metadata: &Value, folder: &Path) -> Result<Option<KernelVersion>> {
    let Some(value) = metadata.get("min-kernel") else {
        return Ok(None);
    };
    // A number in TOML would make 5.10 the same as 5.1.
    match value.as_str().map(str::parse) {
        Some(Ok(release)) => Ok(Some(release)),
        _ => {
            let manifest = folder.join("Cargo.toml");
            let written = match value.as_str() {
                Some(text) => format!("{text:?}"),
                None => format!("a TOML {}", type_name(value)),
            };
            let message = format!(
                "{}: min-kernel is {written}, which is not a kernel version",
                manifest.display()
            );
            Err(Finding::error(Code::MinKernelInvalid, message)
                .because("a kernel version is two numbers in quotes")
                .fix("write, for example: min-kernel = \"5.19\"")
                .at(&manifest, line_of(&manifest, "min-kernel"))
                .into())
        }
    }
}
