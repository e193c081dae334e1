//! The tools of each crate, by the toolchain that its project pins for rustup.

use std::collections::{BTreeMap, btree_map::Entry};

use ebpf_build::{
    self as build, BuildTools, Error, Finding, Result, UnusedPin,
    toolchain::{Pin, Toolchain},
};

use super::EbpfCrate;
use crate::code::Code;

/// The tools of crates, looked up once per pinned toolchain.
#[derive(Debug, Default)]
pub(crate) struct ToolsByPin(BTreeMap<Option<Pin>, (BuildTools, Option<UnusedPin>)>);

impl ToolsByPin {
    /// The tools for `ebpf`, and a warning if they are not those that its project pins.
    ///
    /// # Errors
    /// As [`BuildTools::find`].
    pub(crate) fn of(&mut self, ebpf: &EbpfCrate) -> Result<(&BuildTools, Option<Finding>)> {
        let pin = Pin::of(&ebpf.dir);
        let (tools, unused) = match self.0.entry(pin) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let found = BuildTools::find_by_pin(place.key().clone())?;
                place.insert(found)
            }
        };
        let warning = unused.as_ref();
        let warning = warning.map(|unused| warning_about(unused, ebpf, &tools.toolchain));
        Ok((tools, warning))
    }
}

fn warning_about(unused: &UnusedPin, ebpf: &EbpfCrate, used: &Toolchain) -> Finding {
    let UnusedPin { pin, cause, .. } = unused;
    let (because, fix) = match cause {
        None => (
            "RUSTC, or the cargo that runs this command, belongs to another toolchain".to_owned(),
            "unset RUSTC, and use the cargo of rustup".to_owned(),
        ),
        Some(error) => (error.finding().message.clone(), remedy(&pin.name, error)),
    };
    Finding::warning(
        Code::ToolchainPin,
        format!(
            "{} is built with rustc {}, not with the toolchain {} that its project pins",
            ebpf.name, used.release, pin.name
        ),
    )
    .because(because)
    .fix(fix)
    .at(&pin.file, None)
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
