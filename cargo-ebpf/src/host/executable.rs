//! The file of this program.

use std::{io, path::PathBuf};

use ebpf_build::{Error, Result};

use crate::code::Code;

/// This program, also where cargo has put another one in its place since.
///
/// # Errors
/// When the system does not say where it is.
pub(crate) fn this_program() -> Result<PathBuf> {
    let path = std::env::current_exe().map_err(|cause: io::Error| {
        Error::new(
            Code::ExecutableUnknown,
            "could not find the executable of cargo-ebpf",
        )
        .because(cause.to_string())
    })?;
    if path.exists() {
        return Ok(path);
    }
    Ok(format!("/proc/{}/exe", std::process::id()).into())
}
