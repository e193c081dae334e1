//! For build scripts: a fresh object in `OUT_DIR`, in one call.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use cargo_metadata::MetadataCommand;
use ebpf_base::{child, stub};

#[cfg(feature = "skeleton")]
use crate::skeleton::{self, Replaced, Types};
use crate::{
    Code, Error, Finding, Result,
    build::{Artifact, Build, SHARED_BUILD_DIR},
    check::accept,
    command::spawn_error,
    file::write_atomically,
    strip::strip_debug,
    target::Target,
    tools::BuildTools,
};

/// Whether an object that cannot be built is an error (any value but `0`) or a stub (`0`).
/// Unset, it is an error in builds of a release profile and a stub in others.
pub const REQUIRED_ENV: &str = "EBPF_BUILD_REQUIRED";

/// How the file of a prebuilt object ends, after the name of its binary.
const PREBUILT: &str = ".bpf.o";

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
/// With the feature `skeleton`, which is on by default, there is also a typed skeleton of each
/// object: Rust code over Aya's public API with a method for each program and global variable, and
/// a field for each map, so that a misspelt name is a compile error:
///
/// ```text
/// mod my_program {
///     include!(concat!(env!("OUT_DIR"), "/my-program.skel.rs"));
/// }
///
/// let mut open = my_program::Open::new();
/// open.globals.target_pid(4711);
/// let mut skel = open.load()?;
/// skel.progs.sched_switch().attach()?;
/// let calls: u64 = skel.maps.calls.get(&1, 0)?;
/// ```
///
/// Where no toolchain for BPF is set up, a debug build gets a
/// [stub](ebpf_base::stub), with one warning, so that `cargo check` and editors work. A release
/// build fails: what `cargo install` installs has its programs. The skeleton of a stub is that of
/// the last object. Where no object has been built yet, it is an error of the compiler that
/// contains the reason, for loaders that include it.
///
/// # Errors
/// When the crate does not compile or its object fails the check; in a release build
/// also when there is no toolchain. The environment variable `EBPF_BUILD_REQUIRED`
/// overrides the profile: `1` rejects a stub in every build, `0` accepts one.
pub fn embed(crate_dir: impl AsRef<Path>) -> Result<()> {
    Embed::new(crate_dir).run()
}

/// [`embed`] with options.
///
/// A package on a registry does not contain the eBPF crate, which is a package of its
/// own. [`Embed::prebuilt`] names a directory with objects that it contains instead, for
/// users who have no toolchain for BPF:
///
/// ```no_run
/// // build.rs
/// fn main() -> ebpf_build::Result<()> {
///     ebpf_build::Embed::new("../my-ebpf").prebuilt("ebpf").run()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Embed {
    build: Build,
    prebuilt: Option<PathBuf>,
    #[cfg(feature = "skeleton")]
    replaced: Replaced,
}

impl Embed {
    /// The objects of an eBPF crate: a path relative to the manifest of the crate whose
    /// build script this is, or a [`Build`] of it. The target and the machine are those of
    /// the build script's own crate, whatever the build has.
    pub fn new(build: impl Into<Build>) -> Self {
        Self {
            build: build.into(),
            prebuilt: None,
            #[cfg(feature = "skeleton")]
            replaced: Replaced::new(),
        }
    }

    /// Names a type in the [skeleton](embed()): `path` is its path on the eBPF side, with the name
    /// of the crate first, and `local` the type that the loader has for it. By default, a type of a
    /// crate that the loader depends on has the path of its definition.
    ///
    /// ```no_run
    /// # fn main() -> ebpf_build::Result<()> {
    /// ebpf_build::Embed::new("../my-ebpf")
    ///     // The module `event` is private.
    ///     .type_path("my_common::event::Event", "::my_common::Event")
    ///     .run()
    /// # }
    /// ```
    #[cfg(feature = "skeleton")]
    #[must_use]
    pub fn type_path(mut self, path: impl Into<String>, local: impl Into<String>) -> Self {
        self.replaced.insert(path.into(), local.into());
        self
    }

    /// Where the eBPF crate is not there, its objects are taken from `directory` (relative
    /// to the manifest, too): each `NAME.bpf.o` in it as the binary `NAME`, checked as if
    /// it had just been built. A crate that is there is always built instead.
    ///
    /// Where the loader uses the skeleton, the objects must have their DWARF, from which the types
    /// of shared crates are known.
    ///
    /// An object runs on every machine of its byte order, unless its programs read
    /// registers through aya-ebpf, which compiles that for one architecture.
    #[must_use]
    pub fn prebuilt(mut self, directory: impl Into<PathBuf>) -> Self {
        self.prebuilt = Some(directory.into());
        self
    }

    /// Puts the objects into `OUT_DIR`.
    ///
    /// # Errors
    /// As [`embed`]; where the eBPF crate is not there, when there is no prebuilt object
    /// (`prebuilt-missing`) or one fails the check.
    pub fn run(&self) -> Result<()> {
        let script = Script::read()?;
        #[cfg(feature = "skeleton")]
        let script = script.replace_types(self.replaced.clone());
        let build = script.adapt(self.build.clone());
        match &self.prebuilt {
            Some(directory) if !build.crate_dir.join("Cargo.toml").is_file() => {
                script.embed_prebuilt(&script.manifest_dir.join(directory), &build.crate_dir)
            }
            _ => script.embed_built(&build),
        }
    }
}

/// What cargo tells a build script.
struct Script {
    manifest_dir: PathBuf,
    out_dir: PathBuf,
    endian: String,
    machine: String,
    /// Whether an object that cannot be built is an error.
    required: bool,
    /// The types in skeletons.
    #[cfg(feature = "skeleton")]
    types: Types,
}

#[expect(
    clippy::print_stdout,
    reason = "build scripts speak to cargo on stdout"
)]
impl Script {
    fn read() -> Result<Self> {
        let text = |name: &str| {
            env::var(name).map_err(|cause| {
                Error::new(Code::NotABuildScript, format!("{name} is not set"))
                    .because(cause.to_string())
                    .fix("call ebpf_build::embed from a build script (build.rs)")
            })
        };
        println!("cargo::rerun-if-env-changed={REQUIRED_ENV}");
        let manifest_dir = PathBuf::from(text("CARGO_MANIFEST_DIR")?);
        Ok(Self {
            #[cfg(feature = "skeleton")]
            types: Types::of(&manifest_dir, Replaced::new()),
            manifest_dir,
            out_dir: text("OUT_DIR")?.into(),
            endian: text("CARGO_CFG_TARGET_ENDIAN")?,
            machine: text("CARGO_CFG_TARGET_ARCH")?,
            required: is_required(env::var_os(REQUIRED_ENV).as_deref(), &text("PROFILE")?),
        })
    }

    #[cfg(feature = "skeleton")]
    fn replace_types(mut self, replaced: Replaced) -> Self {
        self.types.replaced = replaced;
        self
    }

    fn embed_built(&self, build: &Build) -> Result<()> {
        let tools = match BuildTools::find_for(&build.crate_dir) {
            Ok(tools) => tools,
            Err(error) if self.required => return Err(error),
            Err(error) => return self.embed_stubs(&build.crate_dir, &error),
        };
        let artifacts = build.run_with(&tools)?;
        for artifact in &artifacts {
            self.write(&artifact.name, &artifact.content)?;
            warn(&artifact.warnings);
        }
        for path in watched(&build.crate_dir, &artifacts, &tools) {
            self.rerun_if_changed(&path);
        }
        Ok(())
    }

    fn embed_stubs(&self, crate_dir: &Path, error: &Error) -> Result<()> {
        let reason = error.to_string().replace("\n  ", " ").replace('\n', " ");
        for name in binaries(crate_dir)? {
            write_atomically(&self.out_dir.join(&name), stub::of(&reason).as_bytes())?;
            #[cfg(feature = "skeleton")]
            skeleton::keep(&self.out_dir, &name, &reason)?;
        }
        println!("cargo::warning=no eBPF object is embedded: {reason}");
        // A file that never exists: the next build looks for a toolchain again.
        self.rerun_if_changed(&self.out_dir.join("until-a-toolchain-is-set-up"));
        Ok(())
    }

    fn embed_prebuilt(&self, directory: &Path, crate_dir: &Path) -> Result<()> {
        self.rerun_if_changed(directory);
        let objects = prebuilt(directory)?;
        if objects.is_empty() {
            return Err(Error::new(
                Code::PrebuiltMissing,
                "neither a prebuilt eBPF object nor the eBPF crate was found",
            )
            .because(format!(
                "neither {} nor {} exists",
                directory.join(format!("NAME{PREBUILT}")).display(),
                crate_dir.join("Cargo.toml").display()
            ))
            .fix("build from a checkout of the whole project, or package it with its objects"));
        }
        for (name, path) in objects {
            self.rerun_if_changed(&path);
            let content = fs::read(&path).map_err(|cause| Error::io("read", &path, &cause))?;
            let warnings = accept(&content, self.target(), &path, |_| false)?;
            self.write(&name, &content)?;
            warn(&warnings);
        }
        Ok(())
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        #[cfg(feature = "skeleton")]
        {
            // Types of crates that the loader depends on are named.
            self.rerun_if_changed(&self.manifest_dir.join("Cargo.toml"));
            skeleton::write(&self.out_dir, name, content, &self.types)?;
        }
        write_atomically(&self.out_dir.join(name), &strip_debug(content)?)
    }

    fn rerun_if_changed(&self, path: &Path) {
        println!("cargo::rerun-if-changed={}", path.display());
    }

    fn target(&self) -> Target {
        match self.endian.as_str() {
            "big" => Target::Big,
            _ => Target::Little,
        }
    }

    /// The build for the machine that this script's crate is built for.
    fn adapt(&self, mut build: Build) -> Build {
        build.crate_dir = self.manifest_dir.join(build.crate_dir);
        build.build_dir = build.build_dir.or_else(|| shared_build_dir(&self.out_dir));
        let build = build.target(self.target());
        if self.machine == env::consts::ARCH {
            // Passed only where it differs: it makes cargo build core anew.
            return build;
        }
        build.machine(&self.machine)
    }
}

#[expect(
    clippy::print_stdout,
    reason = "build scripts speak to cargo on stdout"
)]
fn warn(warnings: &[Finding]) {
    for warning in warnings {
        println!("cargo::warning={}", warning.message);
    }
}

/// The directory that the project's eBPF crates share, if there is one: beside a directory of
/// cargo that contains `out_dir`.
fn shared_build_dir(out_dir: &Path) -> Option<PathBuf> {
    let above = out_dir.ancestors().skip(1);
    above
        .map(|directory| directory.join(SHARED_BUILD_DIR))
        .find(|shared| shared.join("CACHEDIR.TAG").is_file())
}

/// Whether a stub will not do: by the value of [`REQUIRED_ENV`], else by cargo's `PROFILE`,
/// which is `release` also for profiles that inherit from it.
fn is_required(value: Option<&OsStr>, profile: &str) -> bool {
    value.map_or(profile == "release", |value| value != "0")
}

/// The prebuilt objects in a directory, by name.
fn prebuilt(directory: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|cause| Error::io("read", directory, &cause))?,
    };
    let mut objects = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|cause| Error::io("read", directory, &cause))?
            .path();
        let name = path.file_name().and_then(OsStr::to_str);
        if let Some(name) = name.and_then(|name| name.strip_suffix(PREBUILT)) {
            objects.push((name.to_owned(), path));
        }
    }
    objects.sort_unstable();
    Ok(objects)
}

/// Everything that the objects were made from: what rustc read, by cargo's dep-info
/// files, the crate's settings, and the two tools.
fn watched(crate_dir: &Path, artifacts: &[Artifact], tools: &BuildTools) -> Vec<PathBuf> {
    let own = ["Cargo.toml", "Cargo.lock"].map(|name| crate_dir.join(name));
    // Cargo merges those of all directories above.
    let root = fs::canonicalize(crate_dir).unwrap_or_else(|_| crate_dir.to_owned());
    let configs = root
        .ancestors()
        .flat_map(|above| [".cargo/config", ".cargo/config.toml"].map(|name| above.join(name)));
    let mut paths: Vec<PathBuf> = own
        .into_iter()
        .chain(configs)
        .filter(|path| path.is_file())
        .collect();
    paths.push(tools.toolchain.rustc.clone());
    paths.push(tools.linker.path.clone());
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
    let unfit = |cause: String| {
        Error::new(
            Code::NoCrate,
            format!("{} is not an eBPF crate", crate_dir.display()),
        )
        .because(cause)
    };
    let mut command = MetadataCommand::new();
    let mut command = command.manifest_path(&manifest).no_deps().cargo_command();
    let output = child::output(&mut command).map_err(|cause| spawn_error(&command, &cause))?;
    if !output.status.success() {
        return Err(unfit(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let metadata = MetadataCommand::parse(String::from_utf8_lossy(&output.stdout))
        .map_err(|cause| unfit(cause.to_string()))?;
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

    fn script(root: &Path) -> Script {
        let out_dir = root.join("out");
        fs::create_dir(&out_dir).unwrap();
        Script {
            manifest_dir: root.to_owned(),
            out_dir,
            endian: "little".to_owned(),
            machine: env::consts::ARCH.to_owned(),
            required: true,
            #[cfg(feature = "skeleton")]
            types: Types::of(root, Replaced::new()),
        }
    }

    #[test]
    fn a_release_build_requires_an_object_unless_told_otherwise() {
        assert!(is_required(None, "release"));
        assert!(!is_required(None, "debug"));
        assert!(!is_required(Some("0".as_ref()), "release"));
        assert!(is_required(Some("1".as_ref()), "debug"));
    }

    #[test]
    fn results_are_shared_where_the_project_does() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        let out = target.join("x86_64-unknown-linux-gnu/debug/build/watcher-0f/out");
        let shared = target.join(SHARED_BUILD_DIR);
        fs::create_dir_all(&shared).unwrap();
        // Not cargo's.
        assert_eq!(shared_build_dir(&out), None);
        fs::write(shared.join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(shared_build_dir(&out), Some(shared));
    }

    #[test]
    fn without_a_crate_and_objects_the_error_names_both() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("ebpf");
        let error = script(root.path())
            .embed_prebuilt(&directory, &root.path().join("../my-ebpf"))
            .unwrap_err();
        assert_eq!(Code::of(&error), Some(Code::PrebuiltMissing));
        let text = error.to_string();
        assert!(text.contains("my-ebpf/Cargo.toml") && text.contains("ebpf/NAME.bpf.o"));
    }

    #[test]
    fn a_prebuilt_object_has_to_pass_the_check() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("ebpf");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("README.md"), "not an object").unwrap();
        fs::write(directory.join("watch.bpf.o"), "not ELF").unwrap();
        assert_eq!(
            prebuilt(&directory).unwrap(),
            [("watch".to_owned(), directory.join("watch.bpf.o"))]
        );
        let error = script(root.path())
            .embed_prebuilt(&directory, root.path())
            .unwrap_err();
        assert_eq!(Code::of(&error), Some(Code::ObjectNotElf));
    }

    #[test]
    fn dep_info_is_read_as_make_does() {
        let text = "/t/lock: /a/main.rs /b\\ c/lib.rs\n\n/a/main.rs:\n";
        assert_eq!(
            dependencies(text),
            [PathBuf::from("/a/main.rs"), PathBuf::from("/b c/lib.rs")]
        );
    }
}
