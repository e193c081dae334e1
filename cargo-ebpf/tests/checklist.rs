//! The rules of the checklist for this repository's layout: only one crate is built for BPF.
//! Needs no toolchain for BPF.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use toml::{Table, Value};

const BPF: &str = "bpfel-unknown-none";
/// In the order of the checklist.
const RUSTFLAGS: [&str; 5] = [
    "panic=abort",
    "lto=yes",
    "codegen-units=1",
    "debuginfo=2",
    "link-arg=--btf",
];

fn repo() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

fn read(path: &Path) -> Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn metadata(manifest: &Path) -> Metadata {
    MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .unwrap()
}

/// The folders of the workspace's members.
fn members() -> Vec<PathBuf> {
    let metadata = metadata(&repo().join("Cargo.toml"));
    let packages = metadata.workspace_packages().into_iter();
    packages
        .map(|package| package.manifest_path.parent().unwrap().into())
        .collect()
}

/// Every file below `folder`, without what cargo, git and scripts/package make.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let made = ["target", ".git", "lock/ebpf"];
        if made.iter().any(|made| path.ends_with(made)) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Whether a file belongs to a project of its own: of tests, an example, or what `new` writes.
fn is_of_another_project(path: &Path) -> bool {
    const OTHERS: [&str; 4] = ["tests", "examples", "template", "relocatable-tests"];
    path.components()
        .any(|part| OTHERS.iter().any(|other| part.as_os_str() == *other))
}

#[test]
fn the_ebpf_crate_has_its_config_complete_and_exact() {
    let config = read(&repo().join("lock-ebpf/.cargo/config.toml"));
    let rustflags: Vec<&str> = RUSTFLAGS.iter().flat_map(|flag| ["-C", flag]).collect();
    let wanted: Table = format!(
        "[build]\ntarget = \"{BPF}\"\n\
         [target.{BPF}]\nlinker = \"bpf-linker\"\nrustflags = {rustflags:?}\n"
    )
    .parse()
    .unwrap();
    assert_eq!(config, wanted);
}

#[test]
fn no_other_cargo_config_speaks_of_bpf() {
    let repo = repo();
    let configs: Vec<PathBuf> = files(&repo)
        .into_iter()
        .filter(|file| {
            let name = file.file_name().unwrap();
            file.parent().unwrap().ends_with(".cargo")
                && (name == "config.toml" || name == "config")
        })
        .filter(|file| !is_of_another_project(file.strip_prefix(&repo).unwrap()))
        .collect();
    let found: BTreeSet<&Path> = configs
        .iter()
        .map(|file| file.strip_prefix(&repo).unwrap())
        .collect();
    assert_eq!(
        found,
        BTreeSet::from([
            Path::new(".cargo/config.toml"),
            Path::new("lock-ebpf/.cargo/config.toml")
        ])
    );
    // Aliases, and no settings for a build at all.
    let root: Vec<String> = read(&repo.join(".cargo/config.toml"))
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(root, ["alias"]);
}

#[test]
fn the_ebpf_crate_is_outside_of_the_workspace() {
    let repo = repo();
    let ebpf = repo.join("lock-ebpf");
    assert!(!members().contains(&ebpf));
    let root = read(&repo.join("Cargo.toml"));
    assert_eq!(root["workspace"]["exclude"], Value::from(vec!["lock-ebpf"]));
    // A workspace of its own, with its own lock file and target folder.
    let metadata = metadata(&ebpf.join("Cargo.toml"));
    assert_eq!(metadata.workspace_root, ebpf.to_str().unwrap());
    assert!(ebpf.join("Cargo.lock").is_file());
}

/// lock-common is for both sides, so it does without std; it names no target.
#[test]
fn only_the_ebpf_crate_has_no_main_and_a_panic_handler() {
    let repo = repo();
    let mut bare: Vec<PathBuf> = files(&repo)
        .into_iter()
        .map(|file| file.strip_prefix(&repo).unwrap().to_owned())
        .filter(|file| file.extension().is_some_and(|end| end == "rs") && !is_of_another_project(file))
        // The `main` of a fuzz target is libFuzzer's.
        .filter(|file| !file.starts_with("fuzz/targets"))
        .filter(|file| {
            let text = fs::read_to_string(repo.join(file)).unwrap();
            let mut lines = text.lines();
            lines.any(|line| line == "#![no_main]" || line == "#[panic_handler]")
        })
        .collect();
    bare.sort_unstable();
    // The second holds a probe's source as text.
    assert_eq!(
        bare,
        [
            Path::new("ebpf-build/src/linker/probe.rs"),
            Path::new("lock-ebpf/src/main.rs")
        ]
    );
}

#[test]
fn no_native_member_depends_on_what_is_for_bpf() {
    let metadata = metadata(&repo().join("Cargo.toml"));
    for package in metadata.workspace_packages() {
        for needed in &package.dependencies {
            let name = needed.name.as_str();
            let what = format!("{} depends on {name}", package.name);
            assert!(
                !name.starts_with("aya-ebpf") && name != "lock-ebpf",
                "{what}"
            );
            let target = needed.target.as_ref().map(ToString::to_string);
            assert!(
                !target.unwrap_or_default().contains("bpf"),
                "{what} for BPF"
            );
        }
    }
}

/// The loader has the eBPF side built by its build script, for whatever machine the
/// loader itself is built for.
#[test]
fn the_loader_takes_the_object_from_its_build_script() {
    let metadata = metadata(&repo().join("Cargo.toml"));
    let packages = metadata.workspace_packages();
    let loader = packages
        .iter()
        .find(|package| *package.name == "lockprof")
        .unwrap();
    let build: Vec<&str> = loader
        .dependencies
        .iter()
        .filter(|needed| needed.kind == DependencyKind::Build)
        .map(|needed| needed.name.as_str())
        .collect();
    assert_eq!(build, ["ebpf-build"]);
}

#[test]
fn the_native_members_build_for_the_host() {
    for folder in members() {
        let manifest = read(&folder.join("Cargo.toml"));
        // Nightly cargo's per-package-target.
        for key in ["default-target", "forced-target"] {
            assert!(
                manifest["package"].get(key).is_none(),
                "{}",
                folder.display()
            );
        }
        assert!(manifest.get("target").is_none(), "{}", folder.display());
    }
    // What cargo has made of a member on the way to this test, without naming a target:
    // a program of the machine that runs this test (`e_machine`, bytes 18 and 19 of ELF).
    let machine = |program: &Path| fs::read(program).unwrap()[18..20].to_vec();
    let here = machine(&std::env::current_exe().unwrap());
    assert_eq!(machine(Path::new(env!("CARGO_BIN_EXE_cargo-ebpf"))), here);
}
