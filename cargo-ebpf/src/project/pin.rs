//! Whether a crate is built with the toolchain that its project pins for rustup.

use ebpf_build::{
    self as build, BuildTools, Error, Finding,
    toolchain::{Pin, Toolchain},
};

use super::EbpfCrate;
use crate::code::Code;

/// That `ebpf` is built with another toolchain than the one that its project pins, if it is, and
/// why.
pub(crate) fn not_used(ebpf: &EbpfCrate, used: &Toolchain) -> Option<Finding> {
    let pin = Pin::of(&ebpf.dir)?;
    let pinned = BuildTools::of_pin(&pin);
    if pinned
        .as_ref()
        .is_ok_and(|tools| tools.toolchain.rustc == used.rustc)
    {
        return None;
    }
    let finding = Finding::warning(
        Code::ToolchainPin,
        format!(
            "{} is built with rustc {}, not with the toolchain {} that its project pins",
            ebpf.name, used.release, pin.name
        ),
    );
    let (because, fix) = match &pinned {
        Ok(_) => (
            "RUSTC, or the cargo that runs this command, is of another toolchain".to_owned(),
            "unset RUSTC, and use the cargo of rustup".to_owned(),
        ),
        Err(error) => (error.finding().message.clone(), remedy(&pin.name, error)),
    };
    Some(finding.because(because).fix(fix).at(&pin.file, None))
}

/// What makes a pinned toolchain usable, where `error` is why it is not.
fn remedy(name: &str, error: &Error) -> String {
    match build::Code::of(error) {
        Some(build::Code::SourcesMissing) => {
            format!("rustup component add rust-src --toolchain {name}")
        }
        Some(build::Code::LinkerMissing) => {
            format!("RUSTC=\"$(rustup which --toolchain {name} rustc)\" cargo ebpf setup")
        }
        Some(build::Code::RustcTooOld) => "pin a newer toolchain".to_owned(),
        _ => error.finding().fix.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_obstacle_has_its_remedy() {
        for (code, remedy_of_it) in [
            (
                build::Code::SourcesMissing,
                "rustup component add rust-src --toolchain 1.90",
            ),
            (
                build::Code::LinkerMissing,
                "RUSTC=\"$(rustup which --toolchain 1.90 rustc)\" cargo ebpf setup",
            ),
            (build::Code::RustcTooOld, "pin a newer toolchain"),
            (build::Code::RustcFailed, "reinstall it"),
        ] {
            let error = Error::new(code, "").fix("reinstall it");
            assert_eq!(remedy("1.90", &error), remedy_of_it);
        }
    }
}
