//! The shapes of other people's projects: which crates are built, which are passed over, and why.
//! What each builds is the matter of the suites with a toolchain.

use predicates::prelude::*;

use crate::sandbox::{BPF_CONFIG, Sandbox, package};

const PROGRAM: &str = "#![no_std]\n#![no_main]\n";
const WORKSPACE: &str = "[workspace]\nresolver = \"3\"\n";

/// A package that depends on aya-ebpf, with a workspace of its own.
fn filter(name: &str) -> String {
    package(name) + "[dependencies]\naya-ebpf = \"=0.2.1\"\n[workspace]\n"
}

/// The names of the eBPF crates that doctor finds from `folder`.
fn found(sandbox: &Sandbox, folder: &str) -> String {
    let (code, message) = sandbox.doctor(folder, "project").remove(0);
    let names = message.split_once("has the eBPF crates ");
    match names {
        Some((_, names)) => names.to_owned(),
        None => code,
    }
}

/// What doctor says of crates that are passed over.
fn passed_over(sandbox: &Sandbox, folder: &str) -> Vec<String> {
    let findings = sandbox.doctor(folder, "project").into_iter();
    findings
        .filter(|(code, _)| code == "crate-passed-over")
        .map(|(_, message)| message)
        .collect()
}

#[test]
fn crates_are_found_several_levels_down() {
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            &(WORKSPACE.to_owned() + "members = [\"watcher\"]\nexclude = [\"kernel/probes\"]\n"),
        ),
        ("watcher/Cargo.toml", &package("watcher")),
        ("watcher/src/main.rs", "fn main() {}\n"),
        ("kernel/probes/net/deep/tc/Cargo.toml", &filter("tc")),
        ("kernel/probes/net/deep/tc/src/main.rs", PROGRAM),
        // A workspace in the workspace, with one config for all.
        (
            "more/bpf/Cargo.toml",
            &(WORKSPACE.to_owned() + "members = [\"one\", \"other\", \"shared\"]\n"),
        ),
        ("more/bpf/.cargo/config.toml", BPF_CONFIG),
        ("more/bpf/one/Cargo.toml", &package("one")),
        ("more/bpf/one/src/bin/a.rs", PROGRAM),
        ("more/bpf/one/src/bin/b/main.rs", PROGRAM),
        ("more/bpf/other/Cargo.toml", &package("other")),
        ("more/bpf/other/src/main.rs", PROGRAM),
        ("more/bpf/shared/Cargo.toml", &package("shared")),
        ("more/bpf/shared/src/lib.rs", "#![no_std]\n"),
    ]);
    for folder in [
        "",
        "watcher",
        "kernel/probes/net/deep/tc",
        "more/bpf",
        "more/bpf/other/src",
    ] {
        assert_eq!(found(&sandbox, folder), "one, other, tc", "from {folder:?}");
    }
    let findings = sandbox.doctor("", "project");
    let message = "one is built for bpfel-unknown-none, as set in a cargo config above it";
    assert!(
        findings.iter().any(|(_, found)| found == message),
        "{findings:?}"
    );
}

#[test]
fn what_is_not_a_projects_own_is_passed_over_with_the_reason() {
    let template = "[package]\nname = \"{{project-name}}\"\n{{aya-ebpf}}\n";
    let checksum = "{\"files\":{}}";
    let sandbox = Sandbox::new(&[
        ("Cargo.toml", &(package("watcher") + "[workspace]\n")),
        ("src/main.rs", "fn main() {}\n"),
        ("probe/Cargo.toml", &filter("probe")),
        ("probe/src/main.rs", PROGRAM),
        ("a/backup/probe/Cargo.toml", &filter("probe")),
        ("a/backup/probe/src/main.rs", PROGRAM),
        ("examples/small/Cargo.toml", &filter("small")),
        ("examples/small/src/main.rs", PROGRAM),
        ("a/tests/wrong/Cargo.toml", &filter("wrong")),
        ("a/tests/wrong/src/main.rs", PROGRAM),
        ("vendor/theirs/Cargo.toml", &filter("theirs")),
        ("vendor/theirs/src/main.rs", PROGRAM),
        ("deps/copied/.cargo-checksum.json", checksum),
        ("deps/copied/Cargo.toml", &filter("copied")),
        ("deps/copied/src/main.rs", PROGRAM),
        ("module/.git", "gitdir: ../.git/modules/module\n"),
        ("module/Cargo.toml", &filter("module")),
        ("module/src/main.rs", PROGRAM),
        ("new/Cargo.toml", template),
        // Not looked into.
        ("target/package/built/Cargo.toml", &filter("built")),
        ("target/package/built/src/main.rs", PROGRAM),
        ("out/CACHEDIR.TAG", ""),
        ("out/cached/Cargo.toml", &filter("cached")),
        ("out/cached/src/main.rs", PROGRAM),
        (".hidden/Cargo.toml", &filter("hidden")),
        (".hidden/src/main.rs", PROGRAM),
    ]);
    assert_eq!(found(&sandbox, ""), "probe");
    let passed_over = passed_over(&sandbox, "");
    let expected = [
        ("probe", "it has the name and the programs of"),
        ("wrong", "it is in a directory called tests"),
        ("copied", "it is vendored"),
        ("small", "it is in a directory called examples"),
        ("module", "it is in another repository"),
        ("new", "its Cargo.toml cannot be read"),
        ("theirs", "it is vendored"),
    ];
    assert_eq!(passed_over.len(), expected.len(), "{passed_over:?}");
    for ((name, reason), message) in expected.iter().zip(&passed_over) {
        let begin = format!("{name} is not built with the project: {reason}");
        assert!(message.starts_with(&begin), "{message}");
    }
    // Each is a project to who stands in it.
    assert_eq!(found(&sandbox, "examples/small"), "small");
    assert_eq!(found(&sandbox, "a/backup/probe"), "probe");
}

#[test]
fn members_are_built_wherever_they_are() {
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            &(WORKSPACE.to_owned()
                + "members = [\"examples/*\"]\nexclude = [\"tests/probe\", \"vendor\"]\n"),
        ),
        (
            "examples/small/Cargo.toml",
            &(package("small") + "[dependencies]\naya-ebpf = \"=0.2.1\"\n"),
        ),
        ("examples/small/src/main.rs", PROGRAM),
        // Named one by one, where vendor is a directory of many.
        ("tests/probe/Cargo.toml", &filter("probe")),
        ("tests/probe/src/main.rs", PROGRAM),
        ("vendor/theirs/Cargo.toml", &filter("theirs")),
        ("vendor/theirs/src/main.rs", PROGRAM),
    ]);
    assert_eq!(found(&sandbox, ""), "probe, small");
    assert_eq!(passed_over(&sandbox, "").len(), 1);
}

#[test]
fn a_project_can_exclude_crates() {
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            &(WORKSPACE.to_owned()
                + "members = [\"watcher\"]\n[workspace.metadata.ebpf]\nexclude = [\"old\"]\n"),
        ),
        ("watcher/Cargo.toml", &package("watcher")),
        ("watcher/src/main.rs", "fn main() {}\n"),
        ("probe/Cargo.toml", &filter("probe")),
        ("probe/src/main.rs", PROGRAM),
        ("old/probes/one/Cargo.toml", &filter("one")),
        ("old/probes/one/src/main.rs", PROGRAM),
    ]);
    assert_eq!(found(&sandbox, ""), "probe");
    let reason = "one is not built with the project: [workspace.metadata.ebpf] excludes it";
    assert_eq!(passed_over(&sandbox, ""), [reason]);
}

/// Two crates may have one name and be different ones.
#[test]
fn one_name_does_not_make_a_copy() {
    let sandbox = Sandbox::new(&[
        ("Cargo.toml", &(package("watcher") + "[workspace]\n")),
        ("src/main.rs", "fn main() {}\n"),
        ("a/ebpf/Cargo.toml", &filter("ebpf")),
        ("a/ebpf/src/bin/a.rs", PROGRAM),
        ("b/ebpf/Cargo.toml", &filter("ebpf")),
        ("b/ebpf/src/bin/b.rs", PROGRAM),
    ]);
    assert_eq!(found(&sandbox, ""), "ebpf, ebpf");
}

#[test]
fn what_is_only_passed_over_is_named_by_the_error() {
    let sandbox = Sandbox::new(&[
        ("Cargo.toml", &(package("watcher") + "[workspace]\n")),
        ("src/main.rs", "fn main() {}\n"),
        ("examples/small/Cargo.toml", &filter("small")),
        ("examples/small/src/main.rs", PROGRAM),
    ]);
    sandbox
        .command("")
        .arg("build")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("error[ebpf-crate-missing]"))
        .stderr(predicate::str::contains(
            "small is skipped: it is in a directory called examples",
        ))
        .stderr(predicate::str::contains("examples/small/Cargo.toml"));
}

/// A crate with a framework of its own is known by the build script that builds it.
#[test]
fn a_crate_that_a_build_script_builds_is_found() {
    for (script, dependency) in [
        (
            "fn main() { aya_build::build_ebpf([package(\"framed\")]) }\n",
            "",
        ),
        ("fn main() { ebpf_build::embed(\"../framed\") }\n", ""),
        (
            "fn main() { aya_build::build_ebpf(found) }\n",
            "framed = { path = \"../framed\" }\n",
        ),
    ] {
        let loader = package("watcher")
            + "[build-dependencies]\n"
            + dependency
            + "tools = { path = \"../tools\" }\n";
        let sandbox = Sandbox::new(&[
            (
                "Cargo.toml",
                &(WORKSPACE.to_owned() + "members = [\"watcher\", \"framed\", \"tools\"]\n"),
            ),
            ("watcher/Cargo.toml", &loader),
            ("watcher/build.rs", script),
            ("watcher/src/main.rs", "fn main() {}\n"),
            ("framed/Cargo.toml", &package("framed")),
            ("framed/src/main.rs", PROGRAM),
            ("framed/src/lib.rs", "#![no_std]\n"),
            // For the host, though the build script needs it.
            ("tools/Cargo.toml", &package("tools")),
            ("tools/src/main.rs", "fn main() {}\n"),
            ("tools/src/lib.rs", ""),
        ]);
        assert_eq!(found(&sandbox, ""), "framed", "{script}");
        sandbox.write("watcher/build.rs", "fn main() {}\n");
        assert_eq!(found(&sandbox, ""), "ebpf-crate-missing", "{script}");
    }
}

#[test]
fn dependencies_and_binaries_of_every_kind_are_seen() {
    for dependency in [
        "[dependencies]\nbpf = { package = \"aya-ebpf\", version = \"=0.2.1\" }\n",
        "[target.'cfg(target_arch = \"bpf\")'.dependencies]\naya-ebpf = \"=0.2.1\"\n",
        "[dependencies]\naya-ebpf = { git = \"https://example.invalid/aya\" }\n",
        "[dependencies]\naya-ebpf = { path = \"../aya-ebpf\" }\n",
        "[dependencies]\naya-ebpf = \"*\"\n[patch.crates-io]\naya-ebpf = { path = \"../aya-ebpf\" }\n",
    ] {
        let manifest = package("probe")
            + "[[bin]]\nname = \"packet-router\"\npath = \"programs/router.rs\"\n"
            + dependency
            + "[workspace]\n";
        let sandbox = Sandbox::new(&[
            ("Cargo.toml", &(package("watcher") + "[workspace]\n")),
            ("src/main.rs", "fn main() {}\n"),
            ("probe/Cargo.toml", &manifest),
            ("probe/programs/router.rs", PROGRAM),
            ("aya-ebpf/Cargo.toml", &package("aya-ebpf")),
            ("aya-ebpf/src/lib.rs", ""),
        ]);
        assert_eq!(found(&sandbox, ""), "probe", "{dependency}");
    }
}

#[test]
fn of_two_targets_the_choice_is_said() {
    let sandbox = Sandbox::workspace();
    sandbox.write(
        "probe/.cargo/config.toml",
        "[build]\ntarget = [\"bpfeb-unknown-none\", \"bpfel-unknown-none\"]\n",
    );
    let findings = sandbox.doctor("", "project");
    let message = "probe is built for bpfel-unknown-none, as set in its own config, which also \
                   lists bpfeb-unknown-none; bpfel-unknown-none is used because it has the byte \
                   order of this machine";
    assert!(
        findings.iter().any(|(_, found)| found == message),
        "{findings:?}"
    );
}
