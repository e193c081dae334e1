//! A program in C with a thread that waits for a lock until the process ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles it with Debian's defaults: optimised, without frame pointers. Its argument selects
/// the lock, as `mutex`.
///
/// # Errors
/// Those of the compiler.
pub fn waiting_program(directory: &Path, name: &str, options: &[&str]) -> Result<PathBuf, String> {
    let program = directory.join(name);
    let source = directory.join("waiting.c");
    fs::write(&source, include_str!("waiting.c")).map_err(|error| error.to_string())?;
    let output = Command::new("cc")
        .args(["-O2", "-fomit-frame-pointer", "-pthread", "-Wl,--build-id"])
        .args(options)
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .output()
        .map_err(|error| format!("cc cannot be run: {error}"))?;
    if output.status.success() {
        Ok(program)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
