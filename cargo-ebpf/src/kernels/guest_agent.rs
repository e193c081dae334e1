//! This program for guests of another architecture than this machine's: built from its own
//! sources, once, and cached.
//!
//! Every toolchain that builds for BPF can build it: the toolchain's library sources are compiled
//! for the guest's architecture, too, unless rustup has added that target to it. A C compiler is
//! not needed, but a linker for the architecture is.
//!
//! ```text
//! <cache>/cargo-ebpf/agents/
//!   <architecture>-<hash of this program's path>-<hash of the file>   complete, or absent
//!   building-<architecture>/                                          an unfinished build
//!   building-<architecture>.lock                                      locked by its process
//! ```
//!
//! If this program is in a target directory of cargo, the build is there instead.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use ebpf_base::find_program;
use ebpf_build::{
    Error, Result,
    file::{identity, short_hash, write_atomically},
    linker,
    progress::Progress,
    toolchain::Toolchain,
};
use ebpf_kernels::Architecture;

use crate::{
    code::Code,
    host::{executable::this_program, process::Spawner},
};

/// Where the sources of this program were when it was compiled. They may be gone: clones are
/// deleted, and cargo removes sources from a registry that it did not need for months.
const SOURCES: &str = env!("CARGO_MANIFEST_DIR");

/// This program's version, and the name of its package and binary.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const NAME: &str = env!("CARGO_PKG_NAME");

/// A linker, and how rustc starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linker {
    pub(crate) path: PathBuf,
    /// The value of `-C linker-flavor`.
    flavor: &'static str,
}

/// The file of this program as guests with `architecture` run it. It is built if necessary.
///
/// # Errors
/// When it is not there and cannot be built.
pub(crate) fn executable(
    architecture: Architecture,
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let agent = place(architecture)?;
    if let Place::Cache(folder, agent) = &agent
        && !agent.is_file()
    {
        build(architecture, folder, agent, spawner, progress)?;
    }
    Ok(match agent {
        Place::Known(agent) | Place::Cache(_, agent) => agent,
    })
}

/// Whether the agent for guests with `architecture` does not have to be built.
///
/// # Errors
/// When no cache directory is known.
pub(crate) fn is_built(architecture: Architecture) -> Result<bool> {
    Ok(match place(architecture)? {
        Place::Known(_) => true,
        Place::Cache(_, agent) => agent.is_file(),
    })
}

/// Where an agent is.
enum Place {
    /// This program itself, or what the user has named.
    Known(PathBuf),
    /// The directory of the agents, and one in it that may have to be built.
    Cache(PathBuf, PathBuf),
}

fn place(architecture: Architecture) -> Result<Place> {
    if Architecture::HOST == Some(architecture) {
        return this_program().map(Place::Known);
    }
    if let Some(given) = env::var_os(variable(architecture)).filter(|path| !path.is_empty()) {
        return Ok(Place::Known(given.into()));
    }
    let folder = linker::cache_dir()?.join("agents");
    let agent = folder.join(entry(architecture, &this_program()?)?);
    Ok(Place::Cache(folder, agent))
}

/// The name of the environment variable with the path of an agent.
pub(crate) fn variable(architecture: Architecture) -> String {
    format!(
        "CARGO_EBPF_AGENT_{}",
        architecture.name().to_ascii_uppercase()
    )
}

/// The target that it is built for.
fn target(architecture: Architecture) -> String {
    format!("{}-unknown-linux-musl", architecture.compiler())
}

/// If cargo replaces the file of this program, the new one has another agent.
fn entry(architecture: Architecture, program: &Path) -> Result<String> {
    let file = short_hash(&format!("{VERSION}|{}", identity(program)?));
    Ok(format!("{}{file}", prefix(architecture, program)))
}

fn prefix(architecture: Architecture, program: &Path) -> String {
    let path = short_hash(&program.to_string_lossy());
    format!("{architecture}-{path}-")
}

fn build(
    architecture: Architecture,
    folder: &Path,
    agent: &Path,
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Result<()> {
    let make = |directory: &Path| {
        fs::create_dir_all(directory).map_err(|cause| Error::io("make", directory, &cause))
    };
    make(folder)?;
    let building = folder.join(format!("building-{architecture}"));
    let _lock = lock(&building.with_extension("lock"), architecture, progress)?;
    // Another run may have built it while we waited.
    if agent.is_file() {
        return Ok(());
    }
    let sources = Path::new(SOURCES).join("Cargo.toml");
    if !sources.is_file() {
        return Err(missing(architecture, SOURCES));
    }
    let toolchain = Toolchain::find()?;
    let linker = find_linker(&toolchain, architecture).ok_or_else(|| {
        Error::new(
            Code::AgentLinkerMissing,
            format!("no linker for {architecture} was found"),
        )
        .because(format!(
            "{NAME} has to be built for guests with {architecture}; {} does not contain rust-lld, \
             and neither ld.lld nor {} is on PATH",
            toolchain.sysroot.display(),
            gnu_linker(architecture)
        ))
        .fix(format!("cargo ebpf setup --vm --arch {architecture}"))
    })?;
    let target = target(architecture);
    let prebuilt = toolchain
        .sysroot
        .join("lib/rustlib")
        .join(&target)
        .join("lib")
        .is_dir();
    let library = match prebuilt {
        true => None,
        false => Some(super::open(spawner, progress)?.c_library(architecture)?),
    };
    progress.begin(&format!(
        "Building {NAME} {VERSION} for guests with {architecture} (once, takes some minutes)"
    ));
    make(&building)?;
    let output_directory = match target_directory(&this_program()?) {
        Some(directory) => directory.join(format!("guest-agent-{architecture}")),
        None => building.join("target"),
    };
    let mut command = toolchain.cargo_command();
    command
        .args(["build", "--locked", "--release", "--manifest-path"])
        .arg(&sources)
        .args(["--bin", NAME, "--target", &target, "--target-dir"])
        .arg(&output_directory)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags(&linker, library.as_deref()),
        )
        .env("CARGO_TERM_COLOR", "never")
        // The kernel does most of the work.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "true")
        // In a guest, the kernel panics in any case if its first process ends.
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        // Without the settings of the project in the current directory.
        .current_dir(&building);
    if library.is_some() {
        // Without its features: a backtrace needs a library for unwinding.
        command.args([
            "-Z",
            "build-std=std,panic_abort",
            "-Z",
            "build-std-features=",
        ]);
    }
    let output = spawner.command(command).output()?;
    let log = building.join("build.log");
    // On a full disk the error below is about that.
    let _ = fs::write(&log, &output.stderr);
    if !output.status.success() {
        return Err(failed(
            architecture,
            &String::from_utf8_lossy(&output.stderr),
            &log,
        ));
    }
    let built = output_directory.join(&target).join("release").join(NAME);
    let bytes = fs::read(&built).map_err(|cause| Error::io("read", &built, &cause))?;
    remove_older(folder, &prefix(architecture, &this_program()?));
    write_atomically(agent, &bytes)?;
    // Some 400 MB. If they stay, the agent still works.
    let _ = fs::remove_dir_all(&building);
    progress.end();
    Ok(())
}

/// Cargo's target directory, if `program` is in it: it is under development then. Its agent is
/// built there, too, so that the next build compiles only what has changed.
fn target_directory(program: &Path) -> Option<PathBuf> {
    let directory = program.parent()?.parent()?;
    // Directories of installed programs do not have it.
    let mark = directory.join("CACHEDIR.TAG");
    mark.is_file().then(|| directory.to_owned())
}

fn lock(path: &Path, architecture: Architecture, progress: &dyn Progress) -> Result<File> {
    let failed = |cause: &io::Error| Error::io("lock", path, cause);
    let file = File::create(path).map_err(|cause| failed(&cause))?;
    if file.try_lock().is_err() {
        progress.begin(&format!(
            "Waiting for another process that builds {NAME} for {architecture}"
        ));
        file.lock().map_err(|cause| failed(&cause))?;
    }
    Ok(file)
}

/// Removes the agents of other builds of this program at the same path.
fn remove_older(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A linker for `architecture`: that of the toolchain, LLVM's, or that of the distribution's
/// cross compilers.
pub(crate) fn find_linker(toolchain: &Toolchain, architecture: Architecture) -> Option<Linker> {
    let rustlib = toolchain.sysroot.join("lib/rustlib").join(&toolchain.host);
    let own = Some(rustlib.join("bin/rust-lld")).filter(|path| path.is_file());
    let linker = |flavor| move |path| Linker { path, flavor };
    own.or_else(|| find_program("ld.lld"))
        .map(linker("ld.lld"))
        .or_else(|| find_program(gnu_linker(architecture)).map(linker("ld")))
}

/// The name of the linker of Debian's cross compilers.
fn gnu_linker(architecture: Architecture) -> String {
    format!("{}-linux-gnu-ld", architecture.compiler())
}

/// The compiler's flags: with the C library in `library`, or with that of the target's.
fn flags(linker: &Linker, library: Option<&Path>) -> OsString {
    let mut flags: Vec<OsString> = Vec::new();
    let mut add = |before: &str, path: &Path| {
        let mut flag = OsString::from(before);
        flag.push(path);
        flags.push(flag);
    };
    add("-Clinker=", &linker.path);
    add("-Clinker-flavor=", linker.flavor.as_ref());
    if let Some(library) = library {
        add("-Clink-self-contained=", "no".as_ref());
        for object in ["crt1.o", "crti.o", "crtn.o"] {
            add("-Clink-arg=", &library.join(object));
        }
        add("-Lnative=", library);
        // The library comes without what unwinds stacks.
        add("--cfg=", "cargo_ebpf_no_unwinder".as_ref());
    }
    flags.join("\u{1f}".as_ref())
}

/// The error that the agent is not built, and `sources` is gone.
fn missing(architecture: Architecture, sources: &str) -> Error {
    let install = if sources.contains("/registry/src/") {
        format!("cargo install --force {NAME} --version {VERSION}")
    } else {
        format!("in a permanent clone of the repository: cargo install --force --path {NAME}")
    };
    Error::new(
        Code::AgentMissing,
        format!("{NAME} for guests with {architecture} is not built, and cannot be built here"),
    )
    .because(format!(
        "building it requires the sources of {NAME}, which were in {sources} when {NAME} was compiled"
    ))
    .fix(format!(
        "{install}\nor build it for {} on another machine, and set {} to its path",
        target(architecture),
        variable(architecture)
    ))
}

fn failed(architecture: Architecture, said: &str, log: &Path) -> Error {
    const FULL: &str = "No space left on device";
    let what = format!("{NAME} could not be built for guests with {architecture}");
    if said.contains(FULL) {
        return Error::new(ebpf_build::Code::DiskFull, what)
            .because("the disk is full")
            .fix("free 1 GB on the disk of the cache directory, then run the same command again");
    }
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("error"))
        .take(3)
        .collect();
    Error::new(Code::AgentBuildFailed, what)
        .because(errors.join("\n"))
        .fix(format!("read {}", log.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_of_one_build_of_this_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let name = |content: &str| {
            fs::write(&program, content).unwrap();
            entry(Architecture::Arm64, &program).unwrap()
        };
        let (one, other) = (name("one"), name("other"));
        assert_ne!(one, other);
        let prefix = prefix(Architecture::Arm64, &program);
        assert!(
            one.starts_with(&prefix) && prefix.starts_with("arm64-"),
            "{one}"
        );
        for name in [one.as_str(), "x86_64-kept", "building-arm64.lock"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_older(folder.path(), &prefix);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        assert!(!folder.path().join(one).exists());
    }

    #[test]
    fn the_c_library_is_linked_where_the_target_has_none() {
        let linker = Linker {
            path: "/t/rust-lld".into(),
            flavor: "ld.lld",
        };
        let line = |library| {
            let flags = flags(&linker, library);
            flags.to_string_lossy().replace('\u{1f}', " ")
        };
        assert_eq!(line(None), "-Clinker=/t/rust-lld -Clinker-flavor=ld.lld");
        assert_eq!(
            line(Some(Path::new("/c"))),
            "-Clinker=/t/rust-lld -Clinker-flavor=ld.lld -Clink-self-contained=no \
             -Clink-arg=/c/crt1.o -Clink-arg=/c/crti.o -Clink-arg=/c/crtn.o -Lnative=/c \
             --cfg=cargo_ebpf_no_unwinder"
        );
    }

    #[test]
    fn a_build_that_failed_is_explained() {
        let log = Path::new("build.log");
        let arm64 = Architecture::Arm64;
        let full = failed(arm64, "error: No space left on device (os error 28)\n", log);
        assert_eq!(full.code(), "disk-full");
        let other = failed(
            arm64,
            "   Compiling x\nerror[E0001]: no\nerror: could not\n",
            log,
        );
        assert_eq!(other.code(), "agent-build-failed");
        let cause = other.finding().cause.clone();
        assert_eq!(cause.as_deref(), Some("error[E0001]: no\nerror: could not"));
    }

    #[test]
    fn sources_that_are_gone_are_named() {
        for (sources, install) in [
            (
                "/root/.cargo/registry/src/index/cargo-ebpf-0.1.0",
                "cargo install --force cargo-ebpf --version 0.1.0\n",
            ),
            ("/home/me/ebpf/cargo-ebpf", "--path cargo-ebpf"),
        ] {
            let missing = missing(Architecture::Arm64, sources);
            assert_eq!(missing.code(), "agent-missing");
            let text = missing.to_string();
            for part in [sources, install, "CARGO_EBPF_AGENT_ARM64"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    #[test]
    fn a_program_under_development_is_in_cargos_target_directory() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("debug/program");
        assert_eq!(target_directory(&program), None);
        fs::write(directory.path().join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(
            target_directory(&program).as_deref(),
            Some(directory.path())
        );
    }
}
