//! Which compiler can build for BPF on this machine.
//!
//! A compiler fits when it is new enough for aya-ebpf and its sysroot holds the
//! standard library sources of its own version, since the BPF targets come without a
//! prebuilt `core`. Nightly does that with its `-Z` options; every other compiler
//! does the same with `RUSTC_BOOTSTRAP=1`.

mod candidates;
mod pin;
mod rustc;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ebpf_base::child;

use self::candidates::{Candidate, Surroundings};
pub use self::{
    pin::{Pin, is_overridden},
    rustc::RustVersion,
};
use crate::{
    Candidates, Code, Error, Result,
    command::{isolated, spawn_error},
};

/// The oldest compiler that builds aya-ebpf 0.2 (`rust-version` in its manifest).
pub const MIN_RUSTC: RustVersion = RustVersion {
    major: 1,
    minor: 87,
};

/// A compiler that can build for BPF, and the cargo to drive it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo that drives it.
    pub cargo: PathBuf,
    /// The directory that contains its library sources.
    pub sysroot: PathBuf,
    /// As it names itself: "1.96.0", "1.97.0-nightly".
    pub release: String,
    /// Of the LLVM in it: "22.1.8".
    pub llvm: String,
    /// The triple that it runs on.
    pub host: String,
    /// Whether it needs `RUSTC_BOOTSTRAP=1` for `-Z build-std`.
    pub bootstrap: bool,
}

/// Looks for a compiler that fits: the user's `RUSTC`; the one beside the cargo that
/// runs us, if that cargo was chosen (it is not rustup's); rustup's nightlies; any other
/// pair of rustc and cargo.
///
/// # Errors
/// Only when the compiler that the user named does not fit.
pub fn search() -> Result<Candidates<Toolchain>> {
    choose(&Surroundings::read())
}

fn choose(around: &Surroundings) -> Result<Candidates<Toolchain>> {
    let mut rejected = Vec::new();
    for candidate in candidates::candidates(around) {
        match examine(&candidate) {
            Ok(toolchain) => {
                return Ok(Candidates {
                    chosen: Some(toolchain),
                    rejected,
                });
            }
            Err(error) if candidate.given => {
                return Err(Error::new(
                    Code::RustcGivenUnfit,
                    format!("RUSTC={} cannot build for BPF", candidate.rustc.display()),
                )
                .because(match &error.finding().cause {
                    Some(cause) => format!("{}: {cause}", error.finding().message),
                    None => error.finding().message.clone(),
                })
                .fix("unset RUSTC to let cargo ebpf choose a compiler, or set RUSTC to a suitable one"));
            }
            Err(error) => rejected.push(error.finding().clone()),
        }
    }
    Ok(Candidates {
        chosen: None,
        rejected,
    })
}

fn examine(candidate: &Candidate) -> Result<Toolchain> {
    let rustc = &candidate.rustc;
    // Starting a compiler costs 0.1 s; the files of most that do not fit show it.
    if let Some(sysroot) = likely_sysroot(rustc)
        && !sources::present(&sysroot)
    {
        return Err(sources_missing(rustc, &sysroot));
    }
    let identity = rustc::identify(rustc)?;
    if identity.version < MIN_RUSTC {
        return Err(Error::new(
            Code::RustcTooOld,
            format!(
                "{} is Rust {}, but aya-ebpf requires {MIN_RUSTC} or newer",
                rustc.display(),
                identity.release
            ),
        )
        .fix("cargo ebpf setup"));
    }
    if !sources::present(&identity.sysroot) {
        return Err(sources_missing(rustc, &identity.sysroot));
    }
    let library = sources::folder(&identity.sysroot);
    let version =
        sources::version(&library).map_err(|cause| Error::io("read", &library, &cause))?;
    if !belong_together(&identity.release, identity.version, version) {
        return Err(Error::new(
            Code::SourcesMismatch,
            format!(
                "the standard library sources (rust-src) of {} are from Rust {version}, but the \
                 compiler is {}",
                rustc.display(),
                identity.release
            ),
        )
        .fix(format!(
            "install the sources of Rust {} into {}",
            identity.release,
            library.display()
        )));
    }
    Ok(Toolchain {
        rustc: rustc.clone(),
        cargo: candidate.cargo.clone(),
        bootstrap: !in_development(&identity.release),
        sysroot: identity.sysroot,
        release: identity.release,
        llvm: identity.llvm,
        host: identity.host,
    })
}

/// Whether sources whose newest stability mark says `sources` are those of a compiler.
/// A development tree raises its version some days before it replaces the marks, and
/// has none of the new version until something is stabilised: there the marks may be
/// one behind.
fn belong_together(release: &str, compiler: RustVersion, sources: RustVersion) -> bool {
    let trails = sources.major == compiler.major && sources.minor + 1 == compiler.minor;
    sources == compiler || (in_development(release) && trails)
}

fn in_development(release: &str) -> bool {
    release.contains("nightly") || release.contains("dev")
}

/// `bin/rustc` lies in its sysroot in every packaging known so far; where there is
/// no `lib/rustlib` beside it, the compiler itself has to be asked.
fn likely_sysroot(rustc: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(rustc).ok()?;
    let sysroot = real.parent()?.parent()?;
    sysroot.join("lib/rustlib").is_dir().then(|| sysroot.into())
}

fn sources_missing(rustc: &Path, sysroot: &Path) -> Error {
    Error::new(
        Code::SourcesMissing,
        format!(
            "{} has no standard library sources (rust-src)",
            rustc.display()
        ),
    )
    .because(format!(
        "{} does not exist",
        sources::folder(sysroot).display()
    ))
    .fix("cargo ebpf setup")
}

impl Toolchain {
    /// The first compiler that fits.
    ///
    /// # Errors
    /// When none does (`toolchain-missing`), or the one that the user named.
    pub fn find() -> Result<Self> {
        let search = search()?;
        search.chosen.ok_or_else(|| {
            let looked: Vec<&str> = search
                .rejected
                .iter()
                .map(|finding| finding.message.as_str())
                .collect();
            let error = Error::new(
                Code::ToolchainMissing,
                "no Rust compiler with matching standard library sources (rust-src) was found",
            )
            .fix("cargo ebpf setup");
            if looked.is_empty() {
                error
            } else {
                error.because(looked.join("; "))
            }
        })
    }

    /// The directory of the library sources.
    pub fn sources(&self) -> PathBuf {
        sources::folder(&self.sysroot)
    }

    /// The libLLVM that this compiler loads, as the dynamic loader resolves it.
    ///
    /// # Errors
    /// When it loads none (LLVM linked in), or the loader cannot be asked.
    pub fn libllvm(&self) -> Result<PathBuf> {
        // `rustc` may be a script around the compiler; the sysroot has the real one.
        let inner = self.sysroot.join("bin/rustc");
        let rustc = if inner.is_file() { &inner } else { &self.rustc };
        // What ldd does: the loader prints what it would load, and runs nothing.
        let mut command = isolated(rustc);
        command.env("LD_TRACE_LOADED_OBJECTS", "1");
        let output = child::output(&mut command).map_err(|cause| spawn_error(&command, &cause))?;
        loaded_libllvm(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
            Error::new(
                Code::LibllvmMissing,
                format!("{} is not linked to a shared libLLVM", self.rustc.display()),
            )
            .because("bpf-linker must use the same LLVM as the compiler, which requires a shared library")
            .fix(
                "use Rust from rustup or from the distribution, or put a matching bpf-linker on \
                 PATH",
            )
        })
    }

    /// A `cargo` of this toolchain, with nothing in its environment that is meant for another
    /// build.
    pub fn cargo_command(&self) -> Command {
        let mut command = isolated(&self.cargo);
        command.env("RUSTC", &self.rustc);
        if self.bootstrap {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }
}

fn loaded_libllvm(trace: &str) -> Option<PathBuf> {
    let line = trace
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("libLLVM"))?;
    let (_, path) = line.split_once(" => ")?;
    let (path, _) = path.rsplit_once(" (")?;
    // "…/bin/../lib/../lib/libLLVM.so": the real path names the file for good.
    fs::canonicalize(path).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A compiler that answers as told, with sources that carry `since`.
    fn install(folder: &Path, release: &str, since: Option<&str>) {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\ncase $1 in -vV) printf 'release: {release}\\nhost: x\\nLLVM version: 22.1\\n';; \
             *) echo {};; esac\n",
            folder.display()
        );
        for name in ["rustc", "cargo"] {
            fs::write(bin.join(name), &script).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        if let Some(since) = since {
            let core = folder.join("lib/rustlib/src/rust/library/core/src");
            fs::create_dir_all(&core).unwrap();
            let mark = format!("#[stable(feature = \"x\", since = \"{since}\")]\n");
            fs::write(core.join("lib.rs"), mark).unwrap();
        }
    }

    fn around(folders: &[&Path]) -> Surroundings {
        Surroundings {
            path: folders.iter().map(|folder| folder.join("bin")).collect(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn capability_decides_and_each_refusal_says_why() {
        let home = tempfile::tempdir().unwrap();
        let [bare, old, mixed, good] =
            ["bare", "old", "mixed", "good"].map(|name| home.path().join(name));
        install(&bare, "1.97.0-nightly", None);
        install(&old, "1.85.0", Some("1.85.0"));
        install(&mixed, "1.96.0", Some("1.95.0"));
        install(&good, "1.96.0", Some("1.96.0"));
        let search = choose(&around(&[&bare, &old, &mixed, &good])).unwrap();
        let codes: Vec<_> = search
            .rejected
            .iter()
            .map(|finding| &*finding.code)
            .collect();
        assert_eq!(
            codes,
            ["sources-missing", "rustc-too-old", "sources-mismatch"]
        );
        let chosen = search.chosen.unwrap();
        assert_eq!(chosen.rustc, good.join("bin/rustc"));
        assert!(chosen.bootstrap);
    }

    #[test]
    fn a_given_compiler_that_does_not_fit_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let [given, good] = ["given", "good"].map(|name| home.path().join(name));
        install(&given, "1.85.0", Some("1.85.0"));
        install(&good, "1.96.0", Some("1.96.0"));
        let around = Surroundings {
            rustc: Some(given.join("bin/rustc")),
            ..around(&[&good])
        };
        let error = choose(&around).unwrap_err();
        assert_eq!(error.code(), "rustc-given-unfit");
        assert!(error.to_string().contains("requires 1.87"), "{error}");
    }

    #[test]
    fn a_nightly_needs_no_bootstrap() {
        let home = tempfile::tempdir().unwrap();
        install(home.path(), "1.97.0-nightly", Some("1.97.0"));
        let chosen = choose(&around(&[home.path()])).unwrap().chosen.unwrap();
        assert!(!chosen.bootstrap);
    }

    #[test]
    fn only_a_development_trees_marks_may_trail() {
        let [old, new] = [96, 97].map(|minor| RustVersion { major: 1, minor });
        assert!(belong_together("1.97.0-nightly", new, old));
        assert!(!belong_together("1.97.0", new, old));
        assert!(!belong_together("1.96.0-nightly", old, new));
    }

    #[test]
    fn reads_the_loaders_trace() {
        let library = tempfile::Builder::new()
            .prefix("libLLVM")
            .tempfile()
            .unwrap();
        let trace = format!(
            "\tlinux-vdso.so.1 (0x1)\n\tlibLLVM.so.22.1 => {} (0x2)\n",
            library.path().display()
        );
        assert_eq!(
            loaded_libllvm(&trace),
            Some(fs::canonicalize(library.path()).unwrap())
        );
        assert_eq!(loaded_libllvm("\tstatically linked\n"), None);
        assert_eq!(loaded_libllvm("\tlibLLVM.so.22 => not found\n"), None);
    }
}
