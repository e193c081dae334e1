//! For build scripts: a fresh object in `OUT_DIR`, in one call.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    build::{self, Artifact, Request},
    error::{Error, Result},
    file::write_atomically,
    linker::{self, Linker},
    strip::strip_debug,
    target::Target,
    toolchain::Toolchain,
};

/// What an embedded stub begins with; a sentence with its reason and fix follows.
pub const STUB_MARK: &str = "ebpf-build stub: ";

/// Set (to anything) by who wants an error in place of a stub.
pub const REQUIRED: &str = "EBPF_BUILD_REQUIRED";

/// Builds the eBPF crate in `crate_dir` (relative to the manifest of the crate whose
/// build script this is) and puts each of its objects, without DWARF, into `OUT_DIR`
/// under the name of its binary. Cargo runs the script again when anything changes
/// that the object was made from.
///
/// ```no_run
/// // build.rs
/// fn main() -> ebpf_build::Result<()> {
///     ebpf_build::embed("../my-ebpf")
/// }
/// ```
/// and in the crate: `aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/my-program"))`.
///
/// Where no toolchain for BPF is set up, a stub that begins with [`STUB_MARK`] takes
/// the object's place, with one warning, so that `cargo check` and editors work.
///
/// # Errors
/// When the crate does not compile or its object fails the check; with
/// `EBPF_BUILD_REQUIRED` set also where there would be a stub.
#[expect(
    clippy::print_stdout,
    reason = "build scripts speak to cargo on stdout"
)]
pub fn embed(crate_dir: impl AsRef<Path>) -> Result<()> {
    let script = Script::read()?;
    let crate_dir = script.manifest_dir.join(crate_dir);
    let tools = Toolchain::find().and_then(|toolchain| {
        let linker = linker::find(&toolchain)?;
        Ok((toolchain, linker))
    });
    match tools {
        Ok((toolchain, linker)) => {
            let artifacts = build::build(&script.request(&crate_dir), &toolchain, &linker)?;
            for artifact in &artifacts {
                let path = script.out_dir.join(&artifact.name);
                write_atomically(&path, &strip_debug(&artifact.content)?)?;
                for warning in &artifact.warnings {
                    println!("cargo::warning={}", warning.message);
                }
            }
            for path in watched(&crate_dir, &artifacts, &toolchain, &linker) {
                println!("cargo::rerun-if-changed={}", path.display());
            }
            Ok(())
        }
        Err(error) if env::var_os(REQUIRED).is_some() => Err(error),
        Err(error) => {
            let reason = error.to_string().replace("\n  ", " ").replace('\n', " ");
            for name in binaries(&crate_dir)? {
                let stub = format!("{STUB_MARK}{reason}");
                write_atomically(&script.out_dir.join(name), stub.as_bytes())?;
            }
            println!("cargo::warning=no eBPF object is embedded: {reason}");
            // A file that never exists: the next build looks for a toolchain again.
            let never = script.out_dir.join("until-a-toolchain-is-set-up");
            println!("cargo::rerun-if-changed={}", never.display());
            Ok(())
        }
    }
}

/// What cargo tells a build script.
struct Script {
    manifest_dir: PathBuf,
    out_dir: PathBuf,
    endian: String,
    machine: String,
}

impl Script {
    fn read() -> Result<Self> {
        let text = |name: &str| {
            env::var(name).map_err(|cause| {
                Error::new("not-a-build-script", format!("{name} is not known"))
                    .because(cause.to_string())
                    .fix("call ebpf_build::embed from a build script (build.rs)")
            })
        };
        Ok(Self {
            manifest_dir: text("CARGO_MANIFEST_DIR")?.into(),
            out_dir: text("OUT_DIR")?.into(),
            endian: text("CARGO_CFG_TARGET_ENDIAN")?,
            machine: text("CARGO_CFG_TARGET_ARCH")?,
        })
    }

    fn request(&self, crate_dir: &Path) -> Request {
        Request {
            target: match self.endian.as_str() {
                "big" => Target::Big,
                _ => Target::Little,
            },
            // Passed only where it differs: it makes cargo build core anew.
            machine: (self.machine != env::consts::ARCH).then(|| self.machine.clone()),
            ..Request::new(crate_dir)
        }
    }
}

/// Everything that the objects were made from: what rustc read, by cargo's dep-info
/// files, the crate's settings, and the two tools.
fn watched(
    crate_dir: &Path,
    artifacts: &[Artifact],
    toolchain: &Toolchain,
    linker: &Linker,
) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = [
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config",
        ".cargo/config.toml",
    ]
    .into_iter()
    .map(|name| crate_dir.join(name))
    .filter(|path| path.is_file())
    .collect();
    paths.push(toolchain.rustc.clone());
    paths.push(linker.path.clone());
    for artifact in artifacts {
        let dep_info = artifact.path.with_extension("d");
        match fs::read_to_string(&dep_info) {
            Ok(text) => paths.extend(dependencies(&text)),
            // Without dep-info: anything in the sources.
            Err(_) => paths.push(crate_dir.join("src")),
        }
    }
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The prerequisites in a dep-info file (`target: a b\ c`, as for make).
fn dependencies(text: &str) -> Vec<PathBuf> {
    let prerequisites = text.lines().filter_map(|line| line.split_once(": "));
    prerequisites
        .flat_map(|(_, list)| {
            // A space within a name is written "\ ".
            list.replace("\\ ", "\0")
                .split_whitespace()
                .map(|path| PathBuf::from(path.replace('\0', " ")))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The names that the crate's objects will have: its `[[bin]]`s, or the package.
fn binaries(crate_dir: &Path) -> Result<Vec<String>> {
    let manifest = crate_dir.join("Cargo.toml");
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(&manifest)
        .no_deps()
        .exec()
        .map_err(|cause| {
            Error::new(
                "no-crate",
                format!("{} is no eBPF crate", crate_dir.display()),
            )
            .because(cause.to_string())
        })?;
    Ok(metadata
        .packages
        .iter()
        .filter(|package| same_file(package.manifest_path.as_std_path(), &manifest))
        .flat_map(|package| &package.targets)
        .filter(|target| target.is_bin() || target.is_cdylib())
        .map(|target| target.name.clone())
        .collect())
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_is_read_as_make_does() {
        let text = "/t/lock: /a/main.rs /b\\ c/lib.rs\n\n/a/main.rs:\n";
        assert_eq!(
            dependencies(text),
            [PathBuf::from("/a/main.rs"), PathBuf::from("/b c/lib.rs")]
        );
    }
}
