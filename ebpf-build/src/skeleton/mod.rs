//! A typed skeleton of an object: Rust code with which its loader names programs, maps and global
//! variables, so that a misspelt name does not compile.

mod dependencies;
mod map;
mod model;
mod name;
mod program;
mod text;
mod types;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use self::types::{Replaced, Types};
use self::{dependencies::Dependencies, model::Model};
use crate::{Result, file::write_atomically};

/// How the file of a skeleton ends, after the name of the object's binary.
const SUFFIX: &str = ".skel.rs";

/// What a file that takes the place of a skeleton begins with.
const FAILED: &str = "::core::compile_error!(";

/// Writes the skeleton of the object `name` beside it. `content` is the object with its DWARF.
///
/// # Errors
/// When the file cannot be written. For an object without a skeleton, it contains the reason.
pub(crate) fn write(directory: &Path, name: &str, content: &[u8], types: &Types) -> Result<()> {
    let text = match Model::read(content, types) {
        Ok(model) => text::of(name, &model),
        Err(error) => failed(name, &error.to_string()),
    };
    write_atomically(&path(directory, name), text.as_bytes())
}

/// Keeps the skeleton of the last object `name`, so that a loader that uses it compiles with a
/// stub, too. Where there is none, the `reason` for the stub takes its place.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep(directory: &Path, name: &str, reason: &str) -> Result<()> {
    let path = path(directory, name);
    if fs::read(&path).is_ok_and(|text| !text.starts_with(FAILED.as_bytes())) {
        return Ok(());
    }
    write_atomically(&path, failed(name, reason).as_bytes())
}

fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{SUFFIX}"))
}

/// An error for loaders that use the skeleton.
fn failed(name: &str, reason: &str) -> String {
    let message = format!("the skeleton of the eBPF object {name} was not generated: {reason}");
    format!("{FAILED}{message:?});\n")
}

#[cfg(test)]
mod tests;
