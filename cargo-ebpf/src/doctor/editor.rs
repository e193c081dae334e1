//! Whether `cargo check` compiles an eBPF crate in its own directory, with the toolchain that is used
//! there. Editors and clippy do the same.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ebpf_build::{
    BuildTools, Finding, Target,
    settings::{self, Settings},
};
use serde_json::{Map, Value};

use crate::{
    code::Code,
    host::process::Spawner,
    project::{EbpfCrate, Project},
};

/// What keeps `cargo check` from compiling a crate, and what to set.
#[derive(Debug, PartialEq, Eq)]
struct Obstacle {
    cause: String,
    fix: String,
}

/// What matters of a crate and of the machine.
#[derive(Debug, Default)]
struct Surroundings {
    /// The target that cargo compiles the crate for; none is the host.
    target: Option<Target>,
    /// The cargo config that sets the target.
    config: PathBuf,
    /// Whether that config has core built.
    build_std: bool,
    /// Whether its flags include `-C lto`.
    lto: bool,
    /// Whether one of its programs has no `main`.
    freestanding: bool,
    /// The manifest whose profiles count, and its `dev` profile.
    manifest: PathBuf,
    dev: Map<String, Value>,
    /// The compiler that is used in the crate's directory, if it is known.
    compiler: Option<Compiler>,
    /// Where bpf-linker is, if the build script of the crate looks for it and PATH does not have it.
    hidden_linker: Option<PathBuf>,
}

#[derive(Debug)]
struct Compiler {
    release: String,
    /// Whether it takes `-Z` options.
    unstable: bool,
    has_sources: bool,
}

/// A finding for each crate of a project.
pub(super) fn check(project: Option<&Project>, spawner: &Spawner) -> Vec<Finding> {
    let crates = project.into_iter().flat_map(|project| &project.ebpf_crates);
    crates
        .filter_map(|ebpf| {
            // What is wrong with the settings is reported with the project.
            let settings = settings::read(&ebpf.dir).ok()?;
            let obstacles = obstacles(&Surroundings::of(ebpf, settings, spawner));
            Some(finding(&ebpf.name, &obstacles))
        })
        .collect()
}

fn finding(name: &str, obstacles: &[Obstacle]) -> Finding {
    if obstacles.is_empty() {
        let message = format!("{name} has the settings that cargo check and editors need");
        return Finding::fine(Code::EditorSettings, message);
    }
    let lines = |of: fn(&Obstacle) -> &str| {
        let lines: Vec<&str> = obstacles.iter().map(of).collect();
        lines.join("\n")
    };
    let message = format!("cargo check, clippy and rust-analyzer cannot compile {name}");
    Finding::warning(Code::EditorSettingsMissing, message)
        .because(lines(|obstacle| &obstacle.cause))
        .fix(lines(|obstacle| &obstacle.fix))
}

fn obstacles(around: &Surroundings) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let mut add = |applies: bool, cause: String, fix: String| {
        if applies {
            obstacles.push(Obstacle { cause, fix });
        }
    };
    let dev = |key: &str| around.dev.get(key);
    let in_profile = |line: &str| {
        format!(
            "add to {}:\n[profile.dev]\n{line}",
            around.manifest.display()
        )
    };
    if let Some(target) = around.target {
        add(
            !around.build_std,
            format!(
                "core is not precompiled for {target}, and the crate's config does not set build-std"
            ),
            format!(
                "add to {}:\n[unstable]\nbuild-std = [\"core\"]",
                around.config.display()
            ),
        );
        let has_lto = matches!(dev("lto"), Some(Value::Bool(true)))
            || dev("lto").and_then(Value::as_str) == Some("fat");
        add(
            around.lto && !has_lto,
            "in the dev profile, cargo passes embed-bitcode=no, which rustc rejects together with -C lto".to_owned(),
            in_profile("lto = true"),
        );
        if let Some(Compiler {
            release,
            unstable,
            has_sources,
        }) = &around.compiler
        {
            add(
                !unstable,
                format!(
                    "build-std requires a nightly or RUSTC_BOOTSTRAP=1, but the crate's directory \
                     uses rustc {release}"
                ),
                "use a nightly toolchain in the crate's directory, or set RUSTC_BOOTSTRAP=1; for rust-analyzer:\n\
                 \"rust-analyzer.cargo.extraEnv\": { \"RUSTC_BOOTSTRAP\": \"1\" }"
                    .to_owned(),
            );
            add(
                !has_sources,
                format!(
                    "rustc {release}, which the crate's directory uses, has no standard library \
                     sources (rust-src)"
                ),
                "rustup component add rust-src".to_owned(),
            );
        }
    } else {
        add(
            around.freestanding && dev("panic").and_then(Value::as_str) != Some("abort"),
            "the crate is compiled for the host, where a no_std program requires panic=abort"
                .to_owned(),
            in_profile("panic = \"abort\""),
        );
    }
    if let Some(linker) = &around.hidden_linker {
        add(
            true,
            "its build script looks for bpf-linker, which is not on PATH".to_owned(),
            format!(
                "run before cargo and the editor:\nexport PATH=\"{}:$PATH\"",
                linker.display()
            ),
        );
    }
    obstacles
}

impl Surroundings {
    fn of(ebpf: &EbpfCrate, settings: Settings, spawner: &Spawner) -> Self {
        let target = settings.target;
        let flags = target.map(|target| settings.rustflags(target));
        let (manifest, dev) = dev_profile(&ebpf.dir).unwrap_or_default();
        Self {
            target,
            build_std: settings.build_std,
            lto: flags.is_some_and(settings::has_lto),
            freestanding: settings.freestanding,
            manifest,
            dev,
            compiler: target.and_then(|_| compiler(&ebpf.dir, spawner)),
            hidden_linker: hidden_linker(&ebpf.dir),
            config: settings.file.unwrap_or_default(),
        }
    }
}

/// The manifest of the workspace that the crate in `dir` belongs to, and the dev profile in it.
fn dev_profile(dir: &Path) -> Option<(PathBuf, Map<String, Value>)> {
    let manifests = dir.ancestors().map(|dir| dir.join("Cargo.toml"));
    let tables = manifests.filter_map(|path| {
        let text = ebpf_base::read_text(&path).ok()?;
        let table: Map<String, Value> = toml_edit::de::from_str(&text).ok()?;
        Some((path, table))
    });
    let mut tables: Vec<_> = tables.collect();
    let is_root = |(path, table): &(PathBuf, Map<String, Value>)| {
        let workspace = table.get("workspace")?.as_object()?;
        let excluded = workspace.get("exclude").and_then(Value::as_array);
        let mut excluded = excluded.into_iter().flatten().filter_map(Value::as_str);
        let root = path.parent()?;
        Some(!excluded.any(|below| dir.starts_with(root.join(below))))
    };
    let root = tables
        .iter()
        .position(|found| is_root(found).unwrap_or_default());
    // Of a package outside of any workspace, its own.
    let own = (!tables.is_empty()).then_some(0)?;
    let (path, table) = tables.swap_remove(root.unwrap_or(own));
    let dev = table
        .get("profile")
        .and_then(|profiles| profiles.get("dev")?.as_object().cloned());
    Some((path, dev.unwrap_or_default()))
}

/// The compiler that `cargo check` uses in a directory, where rustup chooses by it.
fn compiler(dir: &Path, spawner: &Spawner) -> Option<Compiler> {
    const LIMIT: Duration = Duration::from_secs(10);
    let ask = |arguments: &[&str]| {
        // rustup would download a pinned toolchain that is not there.
        let rustc = spawner.program("rustc").args(arguments).current_dir(dir);
        let rustc = rustc.env("RUSTUP_AUTO_INSTALL", "0").time_limit(LIMIT);
        rustc.stdout().ok()
    };
    let version = ask(&["--version"])?;
    let release = version.split(' ').nth(1)?.to_owned();
    let sysroot = ask(&["--print", "sysroot"])?;
    let sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    Some(Compiler {
        unstable: release.contains("nightly")
            || release.contains("dev")
            || env::var_os("RUSTC_BOOTSTRAP").is_some_and(|value| value == "1"),
        has_sources: sources.is_dir(),
        release,
    })
}

/// The directory of the linker, if the crate's build script needs it on PATH and it is not there.
fn hidden_linker(dir: &Path) -> Option<PathBuf> {
    const LINKER: &str = "bpf-linker";
    let script = ebpf_base::read_text(&dir.join("build.rs")).ok()?;
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path).any(|dir| fs::metadata(dir.join(LINKER)).is_ok());
    if is_there || !script.contains(LINKER) {
        return None;
    }
    let tools = BuildTools::find_for(dir).ok()?;
    Some(tools.linker.path.parent()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(around: &Surroundings) -> Vec<String> {
        let obstacles = obstacles(around).into_iter();
        obstacles.map(|obstacle| obstacle.cause).collect()
    }

    #[test]
    fn for_the_host_a_program_must_not_unwind() {
        let mut around = Surroundings::default();
        // A crate with a main for tests, or a library.
        assert_eq!(causes(&around), [""; 0]);
        around.freestanding = true;
        let found = obstacles(&around);
        assert_eq!(found.len(), 1);
        assert!(found[0].fix.ends_with("[profile.dev]\npanic = \"abort\""));
        around.dev = toml_edit::de::from_str("panic = \"abort\"").unwrap();
        assert_eq!(causes(&around), [""; 0]);
    }

    #[test]
    fn for_bpf_core_has_to_be_built() {
        let mut around = Surroundings {
            target: Some(Target::Little),
            lto: true,
            compiler: Some(Compiler {
                release: "1.96.0".to_owned(),
                unstable: false,
                has_sources: false,
            }),
            ..Surroundings::default()
        };
        assert_eq!(causes(&around).len(), 4, "{around:?}");
        around.build_std = true;
        around.dev = toml_edit::de::from_str("lto = \"fat\"").unwrap();
        let found = causes(&around).join("; ");
        assert!(
            found.contains("uses rustc 1.96.0; ") && found.ends_with("sources (rust-src)"),
            "{found}"
        );
        around.compiler = None;
        assert_eq!(causes(&around), [""; 0]);
    }

    #[test]
    fn profiles_are_those_of_the_workspace() {
        let root = tempfile::tempdir().unwrap();
        let probe = root.path().join("probe");
        fs::create_dir(&probe).unwrap();
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        write(
            "Cargo.toml",
            "[workspace]\n[profile.dev]\npanic = \"abort\"\n",
        );
        write(
            "probe/Cargo.toml",
            "[package]\nname = \"probe\"\n[profile.dev]\nlto = true\n",
        );
        let (manifest, dev) = dev_profile(&probe).unwrap();
        assert_eq!(manifest, root.path().join("Cargo.toml"));
        assert!(dev.contains_key("panic") && !dev.contains_key("lto"));
        let excluded = "[workspace]\nexclude = [\"probe\"]\n";
        write("Cargo.toml", excluded);
        assert!(dev_profile(&probe).unwrap().1.contains_key("lto"));
        write("probe/Cargo.toml", "[workspace]\n");
        assert!(dev_profile(&probe).unwrap().1.is_empty());
    }
}
