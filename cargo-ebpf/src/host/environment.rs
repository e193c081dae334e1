//! What `cargo run` and rustup add to our environment for us alone, and programs
//! that we start should not inherit: to them it would look like the user's wish.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

/// Variables that `cargo run` sets about *this* package. `CARGO` and rustup's
/// `RUSTUP_TOOLCHAIN` stay: they carry the user's choice of a toolchain on to the
/// cargo that builds her loader.
const OURS: [&str; 4] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];
const OURS_PREFIX: &str = "CARGO_PKG_";
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Takes what is ours alone out of the environment of `command`.
pub(crate) fn shed(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if is_ours(&name) {
            command.env_remove(name);
        }
    }
    let Some(libraries) = env::var_os(LIBRARIES) else {
        return;
    };
    let ours = library_folders(
        env::var_os("CARGO").as_deref().map(Path::new),
        env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|_| env::current_exe().ok())
            .as_deref(),
    );
    match without(&libraries, &ours) {
        Some(rest) => command.env(LIBRARIES, rest),
        None => command.env_remove(LIBRARIES),
    };
}

fn is_ours(name: &OsStr) -> bool {
    OURS.iter().any(|ours| name == *ours) || name.to_string_lossy().starts_with(OURS_PREFIX)
}

/// Where cargo and rustup point the dynamic linker: the toolchain's own libraries,
/// and those beside a program that `cargo run` starts. With them, another rustc or
/// a bpf-linker would load the wrong libLLVM.
fn library_folders(cargo: Option<&Path>, program: Option<&Path>) -> Vec<PathBuf> {
    let toolchain = cargo
        .and_then(Path::parent)
        .and_then(Path::parent)
        .map(|toolchain| toolchain.join("lib"));
    let beside = program.and_then(Path::parent).map(Path::to_owned);
    toolchain.into_iter().chain(beside).collect()
}

/// `list` without the folders in or below `folders`; `None` when nothing is left.
fn without(list: &OsStr, folders: &[PathBuf]) -> Option<OsString> {
    let rest: Vec<PathBuf> = env::split_paths(list)
        .filter(|entry| !entry.as_os_str().is_empty())
        .filter(|entry| !folders.iter().any(|folder| entry.starts_with(folder)))
        .collect();
    if rest.is_empty() {
        return None;
    }
    env::join_paths(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cargo_run_says_of_this_package_is_shed() {
        assert!(is_ours("CARGO_PKG_NAME".as_ref()));
        assert!(is_ours("CARGO_MANIFEST_DIR".as_ref()));
        for kept in [
            "CARGO",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "RUSTUP_TOOLCHAIN",
            "PATH",
            "RUSTC",
        ] {
            assert!(!is_ours(kept.as_ref()), "{kept}");
        }
    }

    #[test]
    fn the_users_library_folders_stay() {
        let ours = library_folders(
            Some("/rustup/toolchains/stable/bin/cargo".as_ref()),
            Some("/project/target/debug/cargo-ebpf".as_ref()),
        );
        let list = "/project/target/debug/deps:/opt/cuda/lib:/rustup/toolchains/stable/lib/rustlib/x/lib:\
                    /rustup/toolchains/stable/lib:/project/target/debug";
        assert_eq!(without(list.as_ref(), &ours).unwrap(), "/opt/cuda/lib");
        assert_eq!(
            without("/rustup/toolchains/stable/lib".as_ref(), &ours),
            None
        );
    }

    #[test]
    fn outside_of_cargo_nothing_is_shed() {
        assert_eq!(library_folders(None, None), Vec::<PathBuf>::new());
        assert_eq!(without("/a:/b".as_ref(), &[]).unwrap(), "/a:/b");
    }
}
