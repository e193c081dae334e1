//! Which cargo builds the native side.

use std::{
    env,
    ffi::OsString,
    process::{Command, Stdio},
    sync::OnceLock,
};

use ebpf_base::child;
use ebpf_build::toolchain::Toolchain;

/// The cargo that runs us; else the one on PATH, if it runs (rustup's does not without
/// its toolchains); else that of the compiler that builds for BPF.
pub(crate) fn program() -> OsString {
    static FOUND: OnceLock<OsString> = OnceLock::new();
    let find = || {
        let mut command = Command::new("cargo");
        command
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let runs = child::status(&mut command).is_ok_and(|status| status.success());
        match Toolchain::find() {
            Ok(toolchain) if !runs => toolchain.cargo.into(),
            _ => "cargo".into(),
        }
    };
    env::var_os("CARGO")
        .filter(|cargo| !cargo.is_empty())
        .unwrap_or_else(|| FOUND.get_or_init(find).clone())
}
