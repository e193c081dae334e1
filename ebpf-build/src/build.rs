//! Builds one eBPF crate, with the command that also builds it by hand:
//!
//! ```text
//! cargo build --target bpfel-unknown-none -Z build-std=core,alloc --release
//! ```
//!
//! in the crate's own directory, into its own target directory, and never for the
//! workspace around it.

use std::{
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cargo_metadata::{Artifact as CargoArtifact, Message};
use ebpf_base::child;

use crate::{
    Code, Error, Finding, Result, check,
    command::{BUILD_DIR_ENV, spawn_error},
    compile_error,
    settings::{self, Settings},
    target::{Cpu, Target},
    tools::BuildTools,
};

/// A build of one eBPF crate.
///
/// ```no_run
/// use ebpf_build::{Build, Cpu};
///
/// // Runs on Linux 4.14 and newer.
/// for artifact in Build::new("my-ebpf").cpu(Cpu::V2).run()? {
///     println!("{}: {} bytes", artifact.name, artifact.content.len());
/// }
/// # Ok::<(), ebpf_build::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    pub(crate) crate_dir: PathBuf,
    target: Target,
    cpu: Option<Cpu>,
    deny: Vec<String>,
    machine: Option<String>,
    bins: Vec<String>,
    features: Features,
    pub(crate) build_dir: Option<PathBuf>,
}

/// The directory of intermediate results that the eBPF crates of a project share, in the target
/// directory of its native side. `cargo ebpf build` makes it where there are several crates;
/// [`embed`](crate::embed()) uses it where it exists.
pub const SHARED_BUILD_DIR: &str = "ebpf-build";

/// Which features of the crate are enabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Features {
    named: Vec<String>,
    all: bool,
    without_default: bool,
}

impl Build {
    /// The crate whose `Cargo.toml` is in `crate_dir`, for little-endian machines, with
    /// the compiler's default instruction set.
    pub fn new(crate_dir: impl Into<PathBuf>) -> Self {
        Self {
            crate_dir: crate_dir.into(),
            target: Target::default(),
            cpu: None,
            deny: Vec::new(),
            machine: None,
            bins: Vec::new(),
            features: Features::default(),
            build_dir: None,
        }
    }

    /// Sets cargo's directory for intermediate results, instead of the crate's target directory.
    /// Crates that share it compile core once per set of flags. Cargo before 1.91 ignores it.
    #[must_use]
    pub fn build_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.build_dir = Some(directory.into());
        self
    }

    /// Sets the BPF target.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Sets the version of the instruction set.
    #[must_use]
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// Makes warnings errors, by their codes, in addition to those that the crate itself
    /// denies (`[package.metadata.ebpf] deny`).
    #[must_use]
    pub fn deny<C: Into<String>>(mut self, codes: impl IntoIterator<Item = C>) -> Self {
        self.deny.extend(codes.into_iter().map(Into::into));
        self
    }

    /// Builds these binaries only, instead of all.
    #[must_use]
    pub fn bins<B: Into<String>>(mut self, bins: impl IntoIterator<Item = B>) -> Self {
        self.bins.extend(bins.into_iter().map(Into::into));
        self
    }

    /// Enables features of the crate, in addition to its default ones.
    #[must_use]
    pub fn features<F: Into<String>>(mut self, features: impl IntoIterator<Item = F>) -> Self {
        let features = features.into_iter().map(Into::into);
        self.features.named.extend(features);
        self
    }

    /// Enables all features of the crate, or not.
    #[must_use]
    pub fn all_features(mut self, all: bool) -> Self {
        self.features.all = all;
        self
    }

    /// Enables the default features of the crate, or not.
    #[must_use]
    pub fn default_features(mut self, default: bool) -> Self {
        self.features.without_default = !default;
        self
    }

    /// Sets the machine that will load the object, as `CARGO_CFG_TARGET_ARCH` spells it.
    /// Needed only if it is not this one and programs read registers through aya-ebpf,
    /// which compiles that for one architecture.
    #[must_use]
    pub fn machine(mut self, machine: impl Into<String>) -> Self {
        self.machine = Some(machine.into());
        self
    }

    /// Finds the tools, builds the crate, and checks its objects, one per binary. The
    /// output of cargo and rustc goes to stderr.
    ///
    /// # Errors
    /// When no toolchain or linker fits, `crate_dir` contains no crate, it does not compile
    /// ([`Code::BuildFailed`]), or it has no binary; then the first error of the
    /// [`check`](crate::check()) of an object.
    pub fn run(&self) -> Result<Vec<Artifact>> {
        self.run_with(&BuildTools::find_for(&self.absolute_dir()?)?)
    }

    /// As [`Build::run`], with tools that were found before.
    ///
    /// # Errors
    /// As there.
    pub fn run_with(&self, tools: &BuildTools) -> Result<Vec<Artifact>> {
        self.each_with(tools)?.into_iter().collect()
    }

    /// As [`Build::run_with`], with a result for each binary that compiles: the error is that of
    /// the check of its object. One more error, the first, is about all that do not compile.
    ///
    /// # Errors
    /// As there, but for these.
    pub fn each_with(&self, tools: &BuildTools) -> Result<Vec<Result<Artifact>>> {
        let crate_dir = self.absolute_dir()?;
        let settings = settings::read(&crate_dir)?;
        let Built { artifacts, failure } =
            run(&mut self.command(&settings, &crate_dir, tools)?, &crate_dir)?;
        if artifacts.is_empty() && failure.is_none() {
            return Err(Error::new(
                Code::NoBinary,
                format!(
                    "{} builds no object",
                    crate_dir.join("Cargo.toml").display()
                ),
            )
            .because("it has no binary target")
            .fix("put the programs into src/main.rs, with #![no_main]"));
        }
        let accepted = artifacts
            .into_iter()
            .map(|artifact| self.accept(artifact, &settings));
        Ok(failure.map(Err).into_iter().chain(accepted).collect())
    }

    fn absolute_dir(&self) -> Result<PathBuf> {
        fs::canonicalize(&self.crate_dir)
            .map_err(|cause| Error::io("enter", &self.crate_dir, &cause))
    }

    fn command(
        &self,
        settings: &Settings,
        crate_dir: &Path,
        tools: &BuildTools,
    ) -> Result<Command> {
        let mut command = tools.toolchain.cargo_command();
        command
            .current_dir(crate_dir)
            .arg("build")
            .args(["--target", self.target.triple()])
            .args(["-Z", "build-std=core,alloc", "--release"])
            // So that each binary's errors are found in one run.
            .arg("--keep-going")
            .arg(format!(
                "--message-format={}",
                compile_error::MESSAGE_FORMAT
            ))
            .arg("--target-dir")
            .arg(crate_dir.join("target"))
            // Where there is no Cargo.lock yet: aya-ebpf accepts versions of its dependencies
            // that need a newer compiler than there may be.
            .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback")
            .env("PATH", tools.path()?)
            .env(self.target.linker_variable(), &tools.linker.path)
            .stdout(Stdio::piped());
        if let Some(flags) = self.extra_flags(settings) {
            // Replaces all flags of the crate's config, so it contains those, too.
            command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        }
        if !settings.profile_lto {
            command.args(["--config", "profile.release.lto=true"]);
        }
        command.args(self.selection());
        if let Some(directory) = &self.build_dir {
            command.env(BUILD_DIR_ENV, directory);
        }
        if let Some(machine) = &self.machine {
            // Read by aya-ebpf's build script.
            command.env("AYA_BPF_TARGET_ARCH", machine);
        }
        Ok(command)
    }

    /// The arguments for cargo that select binaries and features.
    fn selection(&self) -> Vec<String> {
        let Features {
            named,
            all,
            without_default,
        } = &self.features;
        let bins = self.bins.iter().map(|bin| format!("--bin={bin}"));
        let named = named.iter().map(|name| format!("--features={name}"));
        let all = all.then(|| "--all-features".to_owned());
        let without = without_default.then(|| "--no-default-features".to_owned());
        bins.chain(named).chain(all).chain(without).collect()
    }

    /// All flags, where the crate's own files lack some. A crate with the whole config gets
    /// none, so that this build and one by hand are the same to cargo, and share results.
    fn extra_flags(&self, settings: &Settings) -> Option<Vec<String>> {
        let cpu: Vec<String> = self
            .cpu
            .iter()
            .flat_map(|cpu| ["-C".to_owned(), format!("target-cpu={cpu}")])
            .collect();
        if cpu.is_empty() && settings.missing(self.target).is_empty() {
            return None;
        }
        Some([settings.complete_rustflags(self.target), cpu].concat())
    }

    fn accept(&self, artifact: CargoArtifact, settings: &Settings) -> Result<Artifact> {
        let path: PathBuf = artifact
            .executable
            .or_else(|| artifact.filenames.into_iter().next())
            .map(Into::into)
            .unwrap_or_default();
        let content = fs::read(&path).map_err(|cause| Error::io("read", &path, &cause))?;
        let warnings = check::accept(&content, self.target, &path, |code| {
            let denied = |deny: &[String]| deny.iter().any(|denied| denied == code);
            denied(&self.deny) || denied(&settings.deny)
        })?;
        Ok(Artifact {
            name: artifact.target.name,
            path,
            content,
            warnings,
            fresh: artifact.fresh,
        })
    }
}

impl<P: AsRef<Path>> From<P> for Build {
    fn from(crate_dir: P) -> Self {
        Self::new(crate_dir.as_ref())
    }
}

/// A checked object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Artifact {
    /// The name of its binary target.
    pub name: String,
    /// The object with its debug information. It is cargo's own file: do not change it.
    pub path: PathBuf,
    /// The bytes of the object.
    pub content: Vec<u8>,
    /// Findings of the check that are not errors.
    pub warnings: Vec<Finding>,
    /// Whether there was nothing to build.
    pub fresh: bool,
}

/// What cargo built.
struct Built {
    artifacts: Vec<CargoArtifact>,
    /// Why it did not build all.
    failure: Option<Error>,
}

/// Runs cargo to its end and returns the binaries of the crate in `crate_dir`.
fn run(command: &mut Command, crate_dir: &Path) -> Result<Built> {
    let mut child = child::spawn(command)
        .map_err(|cause| spawn_error(command, &cause).fix("cargo ebpf doctor"))?;
    let manifest = crate_dir.join("Cargo.toml");
    let messages = child.stdout.take().map(BufReader::new);
    let mut artifacts = Vec::new();
    let mut errors = Vec::new();
    let all = messages.into_iter().flat_map(Message::parse_stream);
    for message in all.map_while(Result::ok) {
        match message {
            Message::CompilerArtifact(artifact)
                if artifact.manifest_path == manifest && is_binary(&artifact.target) =>
            {
                artifacts.push(artifact);
            }
            Message::CompilerMessage(message) => {
                compile_error::show(&message);
                errors.extend(compile_error::findings(&message, crate_dir));
            }
            _ => {}
        }
    }
    let status = child.wait().map_err(|cause| spawn_error(command, &cause))?;
    let failure = (!status.success()).then(|| {
        Error::new(
            Code::BuildFailed,
            format!("the eBPF crate in {} was not built", crate_dir.display()),
        )
        .because(format!("cargo ended with {status}; see its output above"))
        .fix("fix the reported errors, then run the same command again")
        .with_details(errors)
    });
    Ok(Built { artifacts, failure })
}

fn is_binary(target: &cargo_metadata::Target) -> bool {
    target.is_bin() || target.is_cdylib()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_and_features_are_selected() {
        let build = Build::new(".")
            .bins(["a", "b"])
            .features(["x,y"])
            .default_features(false);
        let all = "--bin=a --bin=b --features=x,y --no-default-features";
        assert_eq!(build.selection().join(" "), all);
        let all = Build::new(".").all_features(true);
        assert_eq!(all.selection(), ["--all-features"]);
        assert_eq!(Build::new(".").selection(), [""; 0]);
    }

    #[test]
    fn a_crate_without_settings_gets_all_flags() {
        let build = Build::new(".").cpu(Cpu::V2);
        let flags = build.extra_flags(&Settings::default()).unwrap();
        assert_eq!(
            flags.join(" "),
            "-C panic=abort -C lto=yes -C codegen-units=1 -C debuginfo=2 -C link-arg=--btf \
             -C target-cpu=v2"
        );
    }
}
