//! Where compilers may be, in the order in which they are tried. What they are
//! called only decides that order; whether one is used is decided by what it can do.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
};

/// A compiler that may be fit, with its cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) rustc: PathBuf,
    pub(super) cargo: PathBuf,
    /// The user named it: it is used, or the reason why it cannot be is an error.
    pub(super) given: bool,
}

/// What of the environment matters here, so that tests can make one up.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    pub(super) rustc: Option<PathBuf>,
    pub(super) cargo: Option<PathBuf>,
    pub(super) rustup_home: Option<PathBuf>,
    pub(super) path: Vec<PathBuf>,
    /// Fixed places of distributions' compilers.
    pub(super) system: Vec<PathBuf>,
    /// Cargo sets RUSTC for every build script: there it is not the user's word.
    pub(super) in_build_script: bool,
}

impl Surroundings {
    pub(super) fn read() -> Self {
        let value = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let path: Vec<PathBuf> = env::var_os("PATH")
            .map(|path| env::split_paths(&path).collect())
            .unwrap_or_default();
        Self {
            rustc: value("RUSTC").and_then(|program| resolve(&program, &path)),
            cargo: value("CARGO").and_then(|program| resolve(&program, &path)),
            rustup_home: value("RUSTUP_HOME").or_else(|| Some(env::home_dir()?.join(".rustup"))),
            path,
            system: system_folders(),
            in_build_script: env::var_os("OUT_DIR").is_some() && env::var_os("TARGET").is_some(),
        }
    }
}

/// A program as a shell would find it. One that is nowhere stays as it was given,
/// so that the error names it.
fn resolve(program: &Path, path: &[PathBuf]) -> Option<PathBuf> {
    if program.components().count() > 1 {
        // Builds run in other folders.
        return std::path::absolute(program).ok();
    }
    Some(
        path.iter()
            .map(|folder| folder.join(program))
            .find(|file| file.is_file())
            .unwrap_or_else(|| program.to_owned()),
    )
}

/// `/usr/bin` and the versioned folders of Debian and Ubuntu (`/usr/lib/rust-1.96/bin`).
fn system_folders() -> Vec<PathBuf> {
    let mut versioned: Vec<PathBuf> = fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("rust-"))
        .map(|entry| entry.path().join("bin"))
        .collect();
    versioned.sort_unstable();
    versioned.reverse();
    let mut folders = vec![PathBuf::from("/usr/local/bin"), PathBuf::from("/usr/bin")];
    folders.extend(versioned);
    folders
}

/// All candidates, best first, each compiler once.
pub(super) fn candidates(around: &Surroundings) -> Vec<Candidate> {
    let (nightly, other) = rustup_folders(around);
    let folders = from_cargo(around)
        .map(Path::to_owned)
        .into_iter()
        .chain(nightly)
        .chain(other)
        .chain(around.path.iter().cloned())
        .chain(around.system.iter().cloned());

    let given = given(around);
    let mut seen: HashSet<PathBuf> = HashSet::new();
    given
        .into_iter()
        .chain(folders.filter_map(|folder| pair(&folder)))
        .filter(|candidate| candidate.given || !is_rustup_proxy(&candidate.rustc))
        .filter(|candidate| {
            let real = fs::canonicalize(&candidate.rustc);
            seen.insert(real.unwrap_or_else(|_| candidate.rustc.clone()))
        })
        .collect()
}

/// The directory of the cargo that runs us, if the user chose it.
fn from_cargo(around: &Surroundings) -> Option<&Path> {
    // rustup's cargo does not choose a compiler: it is the same for every toolchain.
    let cargo = around.cargo.as_deref();
    cargo
        .filter(|cargo| !belongs_to_rustup(cargo, around))
        .and_then(Path::parent)
}

/// Whether the user has chosen a compiler, by RUSTC or by the cargo that runs us.
pub(super) fn is_chosen(around: &Surroundings) -> bool {
    given(around).is_some() || from_cargo(around).and_then(pair).is_some()
}

/// The compiler that the user named. In a build script RUSTC is what cargo itself
/// runs, and only says something where it is not the one beside that cargo.
fn given(around: &Surroundings) -> Option<Candidate> {
    let rustc = around.rustc.clone()?;
    let folder = rustc.parent()?;
    let beside = |cargo: &Path| cargo.parent() == Some(folder);
    if around.in_build_script
        && (folder.as_os_str().is_empty()
            || around.cargo.as_deref().is_none_or(beside)
            || is_rustup_proxy(&rustc)
            || belongs_to_rustup(&rustc, around))
    {
        return None;
    }
    let sibling = Some(folder.join("cargo")).filter(|cargo| cargo.is_file());
    // A cargo that starts us names itself, too. rustup's stands for its own toolchain,
    // and a build script's for the loader's.
    let chosen = around
        .cargo
        .clone()
        .filter(|cargo| !around.in_build_script && !belongs_to_rustup(cargo, around));
    Some(Candidate {
        cargo: chosen
            .or(sibling)
            .or_else(|| around.cargo.clone())
            .unwrap_or_else(|| PathBuf::from("cargo")),
        rustc,
        given: true,
    })
}

/// The compiler and the cargo in a directory.
pub(super) fn pair(folder: &Path) -> Option<Candidate> {
    let candidate = Candidate {
        rustc: folder.join("rustc"),
        cargo: folder.join("cargo"),
        given: false,
    };
    (candidate.rustc.is_file() && candidate.cargo.is_file()).then_some(candidate)
}

/// The `bin` folders of rustup's toolchains: nightlies, newest first, then the rest.
fn rustup_folders(around: &Surroundings) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut names: Vec<PathBuf> = around
        .rustup_home
        .iter()
        .flat_map(|home| fs::read_dir(home.join("toolchains")))
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    // "nightly-2026-05-19-x86_64-…" sorts by date and before "nightly-x86_64-…".
    names.sort_unstable();
    names.reverse();
    names
        .into_iter()
        .map(|toolchain| toolchain.join("bin"))
        .partition(|bin| bin.to_string_lossy().contains("/nightly"))
}

fn belongs_to_rustup(program: &Path, around: &Surroundings) -> bool {
    is_rustup_proxy(program)
        || around.rustup_home.as_deref().is_some_and(|home| {
            let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            program.starts_with(home) || real(program).starts_with(real(home))
        })
}

/// rustup's `rustc` and `cargo` are itself under other names (links or copies), and
/// start whatever toolchain is the default: those are candidates of their own.
fn is_rustup_proxy(program: &Path) -> bool {
    let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    let rustup = program.with_file_name("rustup");
    rustup.is_file() && size(&rustup) == size(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &Path, names: &[&str]) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        for name in names {
            fs::write(folder.join(name), name).unwrap();
        }
        folder.to_owned()
    }

    #[test]
    fn nightlies_come_before_the_rest_and_before_the_system() {
        let home = tempfile::tempdir().unwrap();
        let toolchains = home.path().join("toolchains");
        for name in ["nightly-2026-01-01-x", "nightly-x86", "stable-x86"] {
            place(&toolchains.join(name).join("bin"), &["rustc", "cargo"]);
        }
        let system = place(&home.path().join("usr"), &["rustc", "cargo"]);
        let around = Surroundings {
            rustup_home: Some(home.path().to_owned()),
            system: vec![system.clone(), system],
            ..Surroundings::default()
        };
        let found: Vec<String> = candidates(&around)
            .iter()
            .map(|candidate| {
                let path = candidate.rustc.strip_prefix(home.path()).unwrap();
                path.display().to_string()
            })
            .collect();
        assert_eq!(
            found,
            [
                "toolchains/nightly-x86/bin/rustc",
                "toolchains/nightly-2026-01-01-x/bin/rustc",
                "toolchains/stable-x86/bin/rustc",
                "usr/rustc",
            ]
        );
    }

    #[test]
    fn the_users_word_comes_first() {
        let home = tempfile::tempdir().unwrap();
        let mine = place(&home.path().join("mine"), &["rustc", "cargo"]);
        let system = place(&home.path().join("usr"), &["rustc", "cargo"]);
        let around = Surroundings {
            rustc: Some(mine.join("rustc")),
            system: vec![system],
            ..Surroundings::default()
        };
        let found = candidates(&around);
        assert_eq!(found.len(), 2);
        assert!(found[0].given && found[0].cargo == mine.join("cargo"));
        assert!(!found[1].given);
    }

    #[test]
    fn the_users_word_may_be_of_both() {
        let home = tempfile::tempdir().unwrap();
        let mine = place(&home.path().join("mine"), &["rustc", "cargo"]);
        let rustup = home.path().join("rustup");
        let mut around = Surroundings {
            rustc: Some(mine.join("rustc")),
            cargo: Some(home.path().join("script")),
            rustup_home: Some(rustup.clone()),
            ..Surroundings::default()
        };
        assert_eq!(candidates(&around)[0].cargo, home.path().join("script"));
        // Set by rustup's cargo when it starts us.
        around.cargo = Some(rustup.join("toolchains/stable-x/bin/cargo"));
        assert_eq!(candidates(&around)[0].cargo, mine.join("cargo"));
    }

    #[test]
    fn in_a_build_script_rustc_is_cargos_word() {
        let home = tempfile::tempdir().unwrap();
        let system = place(&home.path().join("usr"), &["rustc", "cargo"]);
        let mut around = Surroundings {
            rustc: Some(system.join("rustc")),
            cargo: Some(system.join("cargo")),
            in_build_script: true,
            ..Surroundings::default()
        };
        assert!(candidates(&around).iter().all(|found| !found.given));
        // Beside another cargo it was somebody's choice.
        let other = place(&home.path().join("other"), &["rustc", "cargo"]);
        around.cargo = Some(other.join("cargo"));
        assert!(candidates(&around)[0].given);
    }

    #[test]
    fn a_cargo_outside_of_rustup_chooses_its_compiler() {
        let home = tempfile::tempdir().unwrap();
        let nightly = home.path().join("rustup/toolchains/nightly-x/bin");
        place(&nightly, &["rustc", "cargo"]);
        let system = place(&home.path().join("usr"), &["rustc", "cargo"]);
        let mut around = Surroundings {
            cargo: Some(system.join("cargo")),
            rustup_home: Some(home.path().join("rustup")),
            ..Surroundings::default()
        };
        assert_eq!(candidates(&around)[0].rustc, system.join("rustc"));
        around.cargo = Some(nightly.join("cargo"));
        around.system = vec![system];
        assert_eq!(candidates(&around)[0].rustc, nightly.join("rustc"));
    }

    #[test]
    fn rustups_proxies_are_no_compilers() {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["rustup", "rustc", "cargo"] {
            fs::write(bin.join(name), "the same program").unwrap();
        }
        let around = Surroundings {
            path: vec![bin],
            ..Surroundings::default()
        };
        assert_eq!(candidates(&around), []);
    }
}
