//! Projects from `cargo ebpf new`. They share the target directories of the other project.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use crate::{Project, Ran, command, run};

/// A project that has just been created.
struct New {
    root: PathBuf,
}

impl New {
    fn create(beside: &Project, name: &str, types: &str) -> Self {
        let parent = beside.root.join("new");
        let root = parent.join(name);
        fs::create_dir_all(&parent).unwrap();
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        let mut new = command(env!("CARGO_BIN_EXE_cargo-ebpf"));
        new.current_dir(&parent)
            .args(["new", name, "--program", types]);
        run(&mut new).exits(0).says(&format!("created {name}: "));
        for (target, shared) in [
            ("target".to_owned(), "target"),
            (format!("{name}-ebpf/target"), "watch-ebpf/target"),
        ] {
            let shared = beside.root.join(shared);
            fs::create_dir_all(&shared).unwrap();
            symlink(shared, root.join(target)).unwrap();
        }
        Self { root }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command
            .current_dir(&self.root)
            .env("CARGO_NET_OFFLINE", "true");
        command
    }

    #[track_caller]
    fn ebpf(&self, arguments: &[&str]) -> Ran {
        run(self
            .command(env!("CARGO_BIN_EXE_cargo-ebpf"))
            .args(arguments))
    }

    #[track_caller]
    fn cargo(&self, arguments: &[&str]) -> Ran {
        run(self.command("cargo").args(arguments))
    }
}

pub(crate) fn every_type_is_built_verified_and_tested(project: &Project) {
    let types = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/template/programs")).unwrap();
    let types: Vec<_> = types
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let new = New::create(project, "every-type", &types.join(","));
    for manifest in ["Cargo.toml", "every-type-ebpf/Cargo.toml"] {
        new.cargo(&["fmt", "--check", "--manifest-path", manifest])
            .exits(0);
    }

    let verified = new.ebpf(&["verify", "--format", "json"]).json();
    let programs = &verified["kernels"][0]["objects"][0]["programs"];
    let programs = programs.as_array().unwrap();
    assert_eq!(programs.len(), types.len());
    let fails = |verdict: &str| verdict != "accepted" && verdict != "unsupported";
    for program in programs {
        assert!(!fails(program["verdict"].as_str().unwrap()), "{program:#}");
    }

    let tested = new.ebpf(&["test", "--format", "json"]).exits(0).json();
    let count = |key: &str| tested[key].as_u64().unwrap();
    assert_eq!(count("failed"), 0);
    assert_eq!(count("passed") + count("skipped"), types.len() as u64);
    let accepted = |program: &&serde_json::Value| program["verdict"] == "accepted";
    let accepted = programs.iter().filter(accepted).count();
    assert!(count("passed") >= accepted as u64, "{tested:#}");
}

/// The profile is the one in which the libraries are built already.
pub(crate) fn a_loader_counts(project: &Project) {
    let new = New::create(project, "counts", "raw_tracepoint");
    let ran = new.cargo(&["run", "--", "--seconds", "1"]).exits(0);
    ran.says("attached count_raw_tracepoint sched_switch\n");
    let line = ran.last_line();
    let count = line.strip_prefix("count_raw_tracepoint: ").unwrap();
    let count: u64 = count.strip_suffix(" events").unwrap().parse().unwrap();
    assert!(count > 0, "{line}");
}
