//! Builds bpf-linker from the crate registry against the libLLVM that the compiler
//! itself loads: the one way in which the two cannot differ.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use ebpf_base::child;

use super::{Linker, Origin, PROGRAM, VERSION, cache, probe, proof};
use crate::{Code, Error, Result, command::spawn_error, progress::Progress, toolchain::Toolchain};

/// The LLVMs that this bpf-linker can be built against: its `llvm-*` features.
const LLVM: [&str; 3] = ["21", "22", "23"];

/// Builds a linker for `toolchain` into the cache, or takes the one that is there.
/// Of several runs at once one builds and the others wait. An interrupted build
/// goes on where it was; only a finished one that links a probe becomes an entry.
///
/// # Errors
/// When the compiler's LLVM is unknown to bpf-linker, the registry cannot be
/// reached, the disk is full, or the build fails.
pub fn install(toolchain: &Toolchain, progress: &dyn Progress) -> Result<Linker> {
    let entry = cache::entry(toolchain)?;
    let building = entry.building();
    fs::create_dir_all(&building).map_err(|cause| Error::io("make", &building, &cause))?;
    let _lock = lock(&entry.lock(), progress)?;

    let linker = Linker {
        path: entry.linker(),
        origin: Origin::Cache,
    };
    if linker.path.is_file() && proof::prove(toolchain, &linker.path)?.is_none() {
        return Ok(linker);
    }

    progress.begin(&format!(
        "Building bpf-linker {VERSION} against the LLVM {} of rustc {}",
        toolchain.llvm, toolchain.release
    ));
    compile(toolchain, &building, progress)?;
    let built = building.join("root");
    if let Some(rejection) = probe::link(toolchain, &built.join("bin").join(PROGRAM))? {
        return Err(rejection.into());
    }
    let folder = entry.folder();
    let linkers = folder.parent().unwrap_or(&folder);
    // What is there was damaged after it was made, or is what a removal left.
    let cleared = match fs::remove_dir_all(&folder) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    };
    cleared
        .and_then(|()| fs::create_dir_all(linkers))
        .and_then(|()| fs::rename(&built, &folder))
        .map_err(|cause| Error::io("write", &folder, &cause))?;
    // 200 MB that nobody needs any more; if they stay, the linker works all the same.
    let _ = fs::remove_dir_all(&building);
    proof::prove(toolchain, &linker.path)?;
    progress.end();
    Ok(linker)
}

/// Held until the returned file is dropped, also by the kernel when we are killed.
fn lock(path: &Path, progress: &dyn Progress) -> Result<File> {
    let failed = |cause: &std::io::Error| Error::io("lock", path, cause);
    let file = File::create(path).map_err(|cause| failed(&cause))?;
    if file.try_lock().is_err() {
        progress.begin("Waiting for another process that builds the same linker");
        file.lock().map_err(|cause| failed(&cause))?;
    }
    Ok(file)
}

fn compile(toolchain: &Toolchain, building: &Path, progress: &dyn Progress) -> Result<()> {
    let feature = feature(toolchain)?;
    let libllvm = toolchain.libllvm()?;
    let prefix = building.join("llvm");
    offer(&libllvm, &prefix)?;

    let mut command = toolchain.cargo_command();
    command
        .args(["install", PROGRAM, "--version", &format!("={VERSION}")])
        .args(["--locked", "--force", "--no-default-features"])
        .args(["--features", &feature])
        .arg("--root")
        .arg(building.join("root"))
        .env("CARGO_TARGET_DIR", building.join("target"))
        .env("LLVM_PREFIX", &prefix)
        .env("CARGO_ENCODED_RUSTFLAGS", find_libllvm_again(&libllvm))
        .env("CARGO_TERM_COLOR", "never")
        // Linking is LLVM's work, which is compiled already: without optimisation of the
        // Rust code around it, this build takes half the time, and linking as long as ever.
        .args(["--config", &format!("profile.release.package.{PROGRAM}.opt-level=2")])
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        // 5 MB instead of 48, and built sooner.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "true")
        // No settings of the project in which the user stands.
        .current_dir(building);
    run(&mut command, &building.join("install.log"), progress)
}

fn feature(toolchain: &Toolchain) -> Result<String> {
    let major = toolchain.llvm.split('.').next().unwrap_or_default();
    if LLVM.contains(&major) {
        return Ok(format!("llvm-{major}"));
    }
    Err(Error::new(
        Code::LlvmUnsupported,
        format!(
            "bpf-linker {VERSION} cannot be built against the LLVM {} of rustc {}",
            toolchain.llvm, toolchain.release
        ),
    )
    .because(format!("it supports LLVM {}", LLVM.join(", ")))
    .fix(
        "set RUSTC to a compiler with one of these LLVM versions (Rust 1.91 to the current \
         nightly)",
    ))
}

/// A folder that looks like an installed LLVM to bpf-linker's build script: it wants
/// `lib/libLLVM.so` and nothing else.
fn offer(libllvm: &Path, prefix: &Path) -> Result<()> {
    let link = prefix.join("lib/libLLVM.so");
    let failed = |cause: &std::io::Error| Error::io("write", &link, cause);
    fs::create_dir_all(prefix.join("lib")).map_err(|cause| failed(&cause))?;
    let _ = fs::remove_file(&link);
    symlink(libllvm, &link).map_err(|cause| failed(&cause))
}

/// The linker must find the same libLLVM when it runs.
fn find_libllvm_again(libllvm: &Path) -> OsString {
    let mut flags = OsString::from("-Clink-arg=-Wl,-rpath,");
    flags.push(libllvm.parent().unwrap_or(Path::new("/")));
    flags
}

/// Runs cargo install; its words go to `log`, line by line also to `progress`.
fn run(command: &mut Command, log: &Path, progress: &dyn Progress) -> Result<()> {
    let failed = |cause: &std::io::Error| Error::io("write", log, cause);
    let mut file = File::create(log).map_err(|cause| failed(&cause))?;
    let mut child = child::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()))
        .map_err(|cause| spawn_error(command, &cause))?;
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            progress.line(line.trim());
            said.push_str(&line);
            said.push('\n');
        }
    }
    let status = child.wait().map_err(|cause| spawn_error(command, &cause))?;
    // On a full disk the error below says so, better than a lost log would.
    let _ = file.write_all(said.as_bytes());
    if status.success() {
        Ok(())
    } else {
        Err(diagnose(&said, log))
    }
}

/// What cargo's words mean, the most telling first: words, code, cause, fix.
const MEANINGS: [(&str, Code, &str, &str); 7] = [
    (
        "No space left on device",
        Code::DiskFull,
        "the disk of the cache directory is full",
        "free 500 MB on the disk of the cache directory, then run the same command again",
    ),
    (
        // ld writes through a mapping of its result, where a full disk is a signal.
        "ld terminated with signal 7",
        Code::DiskFull,
        "the disk of the cache directory is full",
        "free 500 MB on the disk of the cache directory, then run the same command again",
    ),
    (
        "Disk quota exceeded",
        Code::DiskFull,
        "the disk quota of the cache directory is used up",
        "free 500 MB on the disk of the cache directory, then run the same command again",
    ),
    (
        "linker `cc` not found",
        Code::CcMissing,
        "no C compiler was found, which is required to link bpf-linker",
        "install a C toolchain (Debian, Ubuntu: apt-get install gcc libc6-dev), then run the same command again",
    ),
    (
        "Could not resolve host",
        Code::NoNetwork,
        "the crate registry cannot be reached",
        "connect this machine to the network, then run the same command again, which continues \
         the build",
    ),
    (
        "download of config.json failed",
        Code::NoNetwork,
        "the crate registry cannot be reached",
        "connect this machine to the network, then run the same command again, which continues \
         the build",
    ),
    (
        "failed to download",
        Code::NoNetwork,
        "a crate could not be downloaded",
        "connect this machine to the network, then run the same command again, which continues \
         the build",
    ),
];

fn diagnose(said: &str, log: &Path) -> Error {
    let what = format!("bpf-linker {VERSION} could not be built");
    for (words, code, cause, fix) in MEANINGS {
        if said.contains(words) {
            return Error::new(code, what).because(cause).fix(fix);
        }
    }
    let last: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("error"))
        .take(3)
        .collect();
    Error::new(Code::LinkerBuildFailed, what)
        .because(last.join("\n"))
        .fix(format!("read {}", log.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_words_get_their_meaning() {
        let log = Path::new("install.log");
        for (words, code, ..) in MEANINGS {
            let error = diagnose(&format!("error: x\nCaused by: {words} (os error)"), log);
            assert_eq!(Code::of(&error), Some(code));
            assert!(error.finding().fix.is_some());
        }
        let unknown = diagnose("   Compiling x\nerror: it broke\n", log);
        assert_eq!(unknown.code(), "linker-build-failed");
        assert!(unknown.to_string().contains("it broke"));
    }
}
