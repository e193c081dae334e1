//! A folder with a project in it, and the command to run there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;

/// The config of an eBPF crate, complete.
pub(crate) const BPF_CONFIG: &str = r#"
[build]
target = "bpfel-unknown-none"
[target.bpfel-unknown-none]
linker = "bpf-linker"
rustflags = ["-C", "panic=abort", "-C", "lto=yes", "-C", "codegen-units=1",
             "-C", "debuginfo=2", "-C", "link-arg=--btf"]
"#;

/// A temporary project.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// With these files, each a path and its content.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let sandbox = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, content) in files {
            sandbox.write(path, content);
        }
        sandbox
    }

    /// A workspace with a native member `watcher` and an eBPF crate `probe` beside it.
    pub(crate) fn workspace() -> Self {
        Self::new(&[
            (
                "Cargo.toml",
                "[workspace]\nresolver = \"3\"\nmembers = [\"watcher\"]\nexclude = [\"probe\"]\n\
                 [workspace.metadata.ebpf]\nloader = \"watcher\"\n",
            ),
            ("watcher/Cargo.toml", &package("watcher")),
            ("watcher/src/main.rs", "fn main() {}\n"),
            ("probe/Cargo.toml", &(package("probe") + "[workspace]\n")),
            ("probe/src/main.rs", "#![no_std]\n#![no_main]\n"),
            ("probe/.cargo/config.toml", BPF_CONFIG),
        ])
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Without links: cargo prints paths so.
    pub(crate) fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// `cargo-ebpf` in `folder` of the sandbox, as far from the outer cargo and from
    /// the user's settings as a terminal of her own.
    pub(crate) fn command(&self, folder: &str) -> Command {
        let mut command = command();
        command
            .current_dir(self.path(folder))
            .env("XDG_CACHE_HOME", self.path(".cache"));
        command
    }

    /// The codes and messages of one group of `doctor`'s findings.
    pub(crate) fn doctor(&self, folder: &str, group: &str) -> Vec<(String, String)> {
        let output = self
            .command(folder)
            .args(["doctor", "--format", "json"])
            .output()
            .unwrap();
        let document = test_support::document(&output.stdout).unwrap();
        let groups = document["groups"].as_array().unwrap();
        let group = groups.iter().find(|found| found["group"] == group).unwrap();
        let findings = group["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| {
                let field = |name: &str| finding[name].as_str().unwrap().to_owned();
                (field("code"), field("message"))
            })
            .collect()
    }
}

/// The manifest of a package without dependencies.
pub(crate) fn package(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
}

/// `cargo-ebpf` anywhere.
pub(crate) fn command() -> Command {
    let mut command = Command::new(program());
    // Helps are wrapped by it.
    command.env_remove("COLUMNS");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" || name == "CARGO" {
            command.env_remove(&*name);
        }
    }
    command
}

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
}
