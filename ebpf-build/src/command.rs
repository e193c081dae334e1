//! How other programs are started: with nothing in their environment that is meant for
//! another build.

use std::{
    env,
    ffi::OsString,
    io,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Code, Error, Result};

/// Names cargo's directory for intermediate results.
pub(crate) const BUILD_DIR_ENV: &str = "CARGO_BUILD_BUILD_DIR";

/// Environment variables that an outer cargo, rustup or clippy sets for its own build, or
/// a user for native code; in a build for BPF each would change or break it.
pub const FOREIGN_VARIABLES: [&str; 15] = [
    "CARGO",
    // An outer cargo would hold the lock that the inner one waits for.
    BUILD_DIR_ENV,
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    // Set by cargo for build scripts; aya-ebpf's builds anew whenever it comes or goes.
    "HOST",
    // rustup's contains another toolchain's libraries, where two nightlies' libLLVM have
    // one name.
    "LD_LIBRARY_PATH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// The prefix of settings for the profiles of a native build: with
/// CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS, for one, an object would have panic code.
const FOREIGN_PROFILES: &str = "CARGO_PROFILE_";

/// A command that inherits nothing that is meant for another build.
pub(crate) fn isolated(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in FOREIGN_VARIABLES {
        command.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        if name
            .as_encoded_bytes()
            .starts_with(FOREIGN_PROFILES.as_bytes())
        {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// `directory` before everything else on PATH.
pub(crate) fn prepend_to_path(directory: &Path) -> Result<OsString, env::JoinPathsError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let others = env::split_paths(&path).filter(|other| other != directory);
    env::join_paths(std::iter::once(directory.to_owned()).chain(others))
}

/// Turns "no such program" into an error that names it.
pub(crate) fn spawn_error(command: &Command, cause: &io::Error) -> Error {
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    let line: Vec<_> = std::iter::once(command.get_program().to_string_lossy())
        .chain(arguments)
        .collect();
    Error::new(Code::Spawn, format!("failed to spawn `{}`", line.join(" ")))
        .because(cause.to_string())
}
