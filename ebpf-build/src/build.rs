//! Builds one eBPF crate with the seed's command and flags:
//!
//! ```text
//! cargo build --target bpfel-unknown-none -Z build-std=core,alloc --release
//! ```
//!
//! always in the crate's own folder, into its own target folder, and never for the
//! workspace around it.

use std::{
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::{Artifact as CargoArtifact, Message, TargetKind};

use crate::{
    Error, Finding, Result, check,
    linker::Linker,
    settings::{self, Settings},
    target::{Cpu, Target},
    toolchain::{Toolchain, spawn_error},
};

/// What to build, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The folder of the crate's `Cargo.toml`.
    pub crate_dir: PathBuf,
    /// The BPF target.
    pub target: Target,
    /// The instruction set; the compiler's default where there is none.
    pub cpu: Option<Cpu>,
    /// Codes of warnings that are errors, beside those that the crate itself denies.
    pub deny: Vec<String>,
    /// The machine that will load the object, as `CARGO_CFG_TARGET_ARCH` spells it,
    /// where it is not this one: aya-ebpf has its registers by machine.
    pub machine: Option<String>,
}

impl Request {
    /// The crate in `folder`, with the defaults.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            crate_dir: folder.into(),
            target: Target::default(),
            cpu: None,
            deny: Vec::new(),
            machine: None,
        }
    }
}

/// A checked object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The name of its binary target.
    pub name: String,
    /// The object with its debug information. Cargo's own file: do not change it.
    pub path: PathBuf,
    /// Its content.
    pub content: Vec<u8>,
    /// What the check found that is no error.
    pub warnings: Vec<Finding>,
    /// Whether there was nothing to build.
    pub fresh: bool,
}

/// Builds the crate and checks what comes out. What cargo and rustc say goes to
/// stderr as they say it.
///
/// # Errors
/// When the folder holds no crate, it does not compile (`build-failed`), it has no
/// binary, or an object fails its check: then the first error of the check.
pub fn build(request: &Request, toolchain: &Toolchain, linker: &Linker) -> Result<Vec<Artifact>> {
    let folder = fs::canonicalize(&request.crate_dir)
        .map_err(|cause| Error::io("enter", &request.crate_dir, &cause))?;
    let settings = settings::read(&folder)?;
    let mut command = command(request, &settings, &folder, toolchain, linker)?;
    let artifacts = run(&mut command, &folder)?;
    if artifacts.is_empty() {
        return Err(Error::new(
            "no-binary",
            format!("{} builds no object", folder.join("Cargo.toml").display()),
        )
        .because("it has no binary target")
        .fix("put the programs into src/main.rs, with #![no_main]"));
    }
    artifacts
        .into_iter()
        .map(|artifact| accept(artifact, request, &settings))
        .collect()
}

fn command(
    request: &Request,
    settings: &Settings,
    folder: &Path,
    toolchain: &Toolchain,
    linker: &Linker,
) -> Result<Command> {
    let target = request.target;
    let mut command = toolchain.cargo_command();
    command
        .current_dir(folder)
        .arg("build")
        .args(["--target", target.triple()])
        .args(["-Z", "build-std=core,alloc", "--release"])
        .arg("--message-format=json-render-diagnostics")
        .arg("--target-dir")
        .arg(folder.join("target"))
        .env("PATH", linker.first_on_path()?)
        .env(target.linker_variable(), &linker.path)
        .stdout(Stdio::piped());
    if let Some(flags) = extra_flags(request, settings) {
        // Takes the place of all that the crate's config says, so it holds that, too.
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    }
    if !settings.profile_lto {
        command.args(["--config", "profile.release.lto=true"]);
    }
    if let Some(machine) = &request.machine {
        // Read by aya-ebpf's build script.
        command.env("AYA_BPF_TARGET_ARCH", machine);
    }
    Ok(command)
}

/// All flags, where the crate's own files lack some. A crate with the whole config gets
/// none, so that this build and one by hand are the same to cargo, and share results.
fn extra_flags(request: &Request, settings: &Settings) -> Option<Vec<String>> {
    // Spelled as the seed spells them: to cargo, other words are other flags, for which
    // it builds core anew.
    let missing = settings.missing(request.target);
    let missing = missing
        .iter()
        .flat_map(|flag| ["-C".to_owned(), flag.assignment()]);
    let cpu = request
        .cpu
        .iter()
        .flat_map(|cpu| ["-C".to_owned(), format!("target-cpu={cpu}")]);
    let extra: Vec<String> = missing.chain(cpu).collect();
    (!extra.is_empty()).then(|| [settings.rustflags(request.target), &extra].concat())
}

/// Runs cargo to its end and returns the crate's own binaries.
fn run(command: &mut Command, folder: &Path) -> Result<Vec<CargoArtifact>> {
    let mut child = command
        .spawn()
        .map_err(|cause| spawn_error(command, &cause).fix("cargo ebpf doctor"))?;
    let manifest = folder.join("Cargo.toml");
    let mut artifacts = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)).map_while(Result::ok) {
            match message {
                Message::CompilerArtifact(artifact)
                    if artifact.manifest_path == manifest
                        && artifact
                            .target
                            .kind
                            .iter()
                            .any(|kind| matches!(kind, TargetKind::Bin | TargetKind::CDyLib)) =>
                {
                    artifacts.push(artifact);
                }
                _ => {}
            }
        }
    }
    let status = child.wait().map_err(|cause| spawn_error(command, &cause))?;
    if status.success() {
        return Ok(artifacts);
    }
    Err(Error::new(
        "build-failed",
        format!("the eBPF crate in {} was not built", folder.display()),
    )
    .because(format!(
        "cargo ended with {status}; its own words stand above"
    ))
    .fix("mend what they name, then run the same command again"))
}

fn accept(artifact: CargoArtifact, request: &Request, settings: &Settings) -> Result<Artifact> {
    let path: PathBuf = artifact
        .executable
        .or_else(|| artifact.filenames.into_iter().next())
        .map(Into::into)
        .unwrap_or_default();
    let content = fs::read(&path).map_err(|cause| Error::io("read", &path, &cause))?;
    let warnings = check::accept(&content, request.target, &path, |code| {
        let denied = |deny: &[String]| deny.iter().any(|denied| denied == code);
        denied(&request.deny) || denied(&settings.deny)
    })?;
    Ok(Artifact {
        name: artifact.target.name,
        path,
        content,
        warnings,
        fresh: artifact.fresh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_settings_gets_all_flags() {
        let request = Request {
            cpu: Some(Cpu::V2),
            ..Request::new(".")
        };
        let flags = extra_flags(&request, &Settings::default()).unwrap();
        assert_eq!(
            flags.join(" "),
            "-C panic=abort -C lto=yes -C codegen-units=1 -C debuginfo=2 -C link-arg=--btf \
             -C target-cpu=v2"
        );
    }
}
