//! Toolchains that a project pins for rustup, in `rust-toolchain.toml`.

use std::path::{Path, PathBuf};

use ebpf_build::{Finding, toolchain::Toolchain};
use serde_json::{Map, Value};

use super::EbpfCrate;
use crate::code::Code;

/// The toolchain that rustup would use in a directory.
#[derive(Debug, PartialEq, Eq)]
struct Pin {
    file: PathBuf,
    channel: String,
}

/// That `ebpf` is built with another toolchain than the one that its project pins, if it is.
/// rustup picks a toolchain by its name, where `cargo ebpf` needs one with library sources.
pub(crate) fn not_used(ebpf: &EbpfCrate, used: &Toolchain) -> Option<Finding> {
    let Pin { file, channel } = Pin::of(&ebpf.dir)?;
    if is_toolchain(&used.sysroot, &channel, &used.host) {
        return None;
    }
    let finding = Finding::warning(
        Code::ToolchainPin,
        format!(
            "{} is built with rustc {}, not with the toolchain {channel} that its project pins",
            ebpf.name, used.release
        ),
    );
    let finding = finding
        .because("the first compiler with the library sources of its own version is used")
        .fix(format!(
            "export RUSTC=\"$(rustup which --toolchain {channel} rustc)\", if that has rust-src"
        ));
    Some(finding.at(&file, None))
}

/// Whether rustup calls the toolchain in `sysroot` so.
fn is_toolchain(sysroot: &Path, channel: &str, host: &str) -> bool {
    // As in nightly-2026-01-31-x86_64-unknown-linux-gnu.
    let name = sysroot.file_name().unwrap_or_default();
    name == channel || *name == *format!("{channel}-{host}")
}

impl Pin {
    /// Of the nearest file in `directory` or above, as for rustup.
    fn of(directory: &Path) -> Option<Self> {
        directory.ancestors().find_map(|directory| {
            // rustup prefers the name without extension.
            ["rust-toolchain", "rust-toolchain.toml"]
                .iter()
                .find_map(|name| {
                    let file = directory.join(name);
                    let channel = channel(&ebpf_base::read_text(&file).ok()?)?;
                    Some(Self { file, channel })
                })
        })
    }
}

/// The name in a file: of TOML, or with nothing else in it.
fn channel(text: &str) -> Option<String> {
    let plain = text.trim();
    if !plain.is_empty() && !plain.contains(['[', '\n', '=']) {
        return Some(plain.to_owned());
    }
    let table: Map<String, Value> = toml_edit::de::from_str(text).ok()?;
    let channel = table.get("toolchain")?.get("channel")?;
    channel.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn both_kinds_of_files_are_read() {
        assert_eq!(
            channel("nightly-2026-01-31\n").as_deref(),
            Some("nightly-2026-01-31")
        );
        let toml = "[toolchain]\nchannel = \"1.90\"\ncomponents = [\"rust-src\"]\n";
        assert_eq!(channel(toml).as_deref(), Some("1.90"));
        for none in ["", "[toolchain]\npath = \"/x\"\n", "[toolchain\n"] {
            assert_eq!(channel(none), None, "{none:?}");
        }
    }

    #[test]
    fn the_nearest_pin_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("probe/src");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(Pin::of(&inner), None);
        let pin = |path: &str, channel: &str| {
            let file = root.path().join(path);
            fs::write(&file, channel).unwrap();
            Some(Pin {
                file,
                channel: channel.to_owned(),
            })
        };
        assert_eq!(pin("rust-toolchain", "1.90"), Pin::of(&inner));
        assert_eq!(pin("probe/rust-toolchain", "nightly"), Pin::of(&inner));
    }

    #[test]
    fn a_toolchain_is_known_by_its_directory() {
        let host = "x86_64-unknown-linux-gnu";
        for (sysroot, channel, same) in [
            ("/t/nightly-x86_64-unknown-linux-gnu", "nightly", true),
            (
                "/t/nightly-2026-01-31-x86_64-unknown-linux-gnu",
                "nightly",
                false,
            ),
            (
                "/t/nightly-x86_64-unknown-linux-gnu",
                "nightly-2026-01-31",
                false,
            ),
            ("/t/mine", "mine", true),
            ("/usr", "stable", false),
        ] {
            assert_eq!(
                is_toolchain(Path::new(sysroot), channel, host),
                same,
                "{sysroot}"
            );
        }
    }
}
