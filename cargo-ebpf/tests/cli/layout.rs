//! Projects of several layouts: which crates are for BPF, and what loads them. None
//! has a crate called "lock".

use predicates::prelude::*;

use crate::sandbox::{BPF_CONFIG, Sandbox, package};

/// The first thing that doctor says of a project.
fn described(sandbox: &Sandbox, folder: &str) -> String {
    sandbox.doctor(folder, "project").remove(0).1
}

fn of(sandbox: &Sandbox, crates: &str) -> String {
    format!("{} has the eBPF crates {crates}", sandbox.root().display())
}

#[test]
fn a_project_is_found_from_all_of_its_folders() {
    let sandbox = Sandbox::workspace();
    sandbox.write("docs/deep/x", "");
    for folder in ["", "watcher/src", "docs/deep", "probe", "probe/src"] {
        assert_eq!(
            described(&sandbox, folder),
            of(&sandbox, "probe"),
            "from {folder:?}"
        );
    }
}

#[test]
fn a_manifest_path_leads_there_from_anywhere() {
    let sandbox = Sandbox::workspace();
    let elsewhere = Sandbox::new(&[("x", "")]);
    for manifest in ["Cargo.toml", "watcher/Cargo.toml", "probe/Cargo.toml"] {
        elsewhere
            .command("")
            .args(["doctor", "--manifest-path"])
            .arg(sandbox.path(manifest))
            .assert()
            .stdout(predicate::str::contains(of(&sandbox, "probe")));
    }
}

#[test]
fn a_manifest_path_that_is_none_is_refused() {
    let sandbox = Sandbox::workspace();
    for wrong in ["", "no/Cargo.toml", "watcher/src/main.rs"] {
        sandbox
            .command("")
            .args(["build", "--manifest-path"])
            .arg(sandbox.path(wrong))
            .assert()
            .code(1)
            .stderr(predicate::str::contains("error[manifest-missing]"));
    }
}

#[test]
fn a_lone_ebpf_crate_is_a_project() {
    let sandbox = Sandbox::new(&[
        ("Cargo.toml", &package("filter")),
        ("src/main.rs", "#![no_std]\n#![no_main]\n"),
        (".cargo/config.toml", BPF_CONFIG),
    ]);
    let findings = sandbox.doctor("src", "project");
    assert_eq!(findings[0].1, of(&sandbox, "filter"));
    let codes: Vec<_> = findings.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "project",
            "config",
            "config-linker",
            "profile-lto-missing",
            "flags",
            "root-config"
        ]
    );
    sandbox
        .command("")
        .arg("run")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("error[loader-missing]"));
}

#[test]
fn crates_are_known_by_metadata_and_by_exclusion_too() {
    let marked = package("marked") + "[package.metadata.ebpf]\n[workspace]\n";
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\nexclude = [\"bpf\"]\n",
        ),
        ("crates/watcher/Cargo.toml", &package("watcher")),
        ("crates/watcher/src/main.rs", "fn main() {}\n"),
        ("bpf/one/Cargo.toml", &(package("one") + "[workspace]\n")),
        ("bpf/one/src/main.rs", ""),
        ("bpf/one/.cargo/config.toml", BPF_CONFIG),
        ("marked/Cargo.toml", &marked),
        ("marked/src/main.rs", ""),
        ("broken/Cargo.toml", "{{ project-name }}"),
    ]);
    let findings = sandbox.doctor("", "project");
    assert_eq!(findings[0].1, of(&sandbox, "marked, one"));
    assert!(findings.contains(&(
        "config-missing".into(),
        "marked has no .cargo/config.toml".into()
    )));
}

#[test]
fn an_ebpf_crate_in_the_workspace_is_a_warning() {
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"watcher\", \"probe\"]\n",
        ),
        ("watcher/Cargo.toml", &package("watcher")),
        ("watcher/src/main.rs", "fn main() {}\n"),
        ("probe/Cargo.toml", &package("probe")),
        ("probe/src/main.rs", ""),
        ("probe/.cargo/config.toml", BPF_CONFIG),
    ]);
    let codes: Vec<_> = sandbox
        .doctor("", "project")
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert!(
        codes.contains(&"ebpf-crate-in-workspace".to_owned()),
        "{codes:?}"
    );
}

#[test]
fn a_project_without_an_ebpf_crate_gets_one_clear_sentence() {
    let sandbox = Sandbox::new(&[
        ("Cargo.toml", &package("plain")),
        ("src/main.rs", "fn main() {}\n"),
    ]);
    sandbox
        .command("")
        .arg("build")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("has no eBPF crate"));
    // Programs that depend on it would make it one.
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            &(package("plain") + "[dependencies]\naya-ebpf = \"=0.2.1\"\n"),
        ),
        ("src/lib.rs", ""),
    ]);
    sandbox
        .command("")
        .arg("build")
        .assert()
        .code(1)
        .stderr(predicate::str::contains(
            "plain depends on aya-ebpf, but has no program",
        ))
        .stderr(predicate::str::contains("src/main.rs"));
}

#[test]
fn a_manifest_that_cargo_cannot_read_is_named_with_its_words() {
    let sandbox = Sandbox::new(&[("Cargo.toml", "[package\n")]);
    sandbox
        .command("")
        .arg("build")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("error[manifest-broken]"))
        .stderr(predicate::str::contains("Cargo.toml"));
}

#[test]
fn bpf_settings_at_the_root_are_found_also_above_it() {
    let sandbox = Sandbox::new(&[(".cargo/config.toml", BPF_CONFIG)]);
    for (path, content) in [
        (
            "inner/Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"watcher\"]\n".to_owned(),
        ),
        ("inner/watcher/Cargo.toml", package("watcher")),
        ("inner/watcher/src/main.rs", "fn main() {}\n".to_owned()),
    ] {
        sandbox.write(path, &content);
    }
    let codes: Vec<_> = sandbox
        .doctor("inner", "project")
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert!(
        codes.contains(&"bpf-target-at-root".to_owned()),
        "{codes:?}"
    );
    sandbox.command("inner").arg("doctor").assert().code(1);
}

#[test]
fn a_loader_below_a_bpf_target_is_not_native() {
    let sandbox = Sandbox::workspace();
    sandbox.write(
        "watcher/.cargo/config.toml",
        "[build]\ntarget = [\"bpfel-unknown-none\"]\n",
    );
    // That config also makes it an eBPF crate: then nothing is left to load with.
    let findings = sandbox.doctor("", "project");
    assert!(
        findings.iter().any(|(code, _)| code == "loader-unknown"),
        "{findings:?}"
    );
    std::fs::remove_file(sandbox.path("watcher/.cargo/config.toml")).unwrap();
    sandbox
        .command("")
        .arg("doctor")
        .env("CARGO_BUILD_TARGET", "bpfel-unknown-none")
        .assert()
        .code(1)
        .stdout(predicate::str::contains("error[loader-not-native]"))
        .stdout(predicate::str::contains("fix: unset CARGO_BUILD_TARGET"));
}

#[test]
fn missing_flags_are_listed_with_their_reasons() {
    let sandbox = Sandbox::workspace();
    sandbox.write(
        "probe/.cargo/config.toml",
        "[build]\ntarget = \"bpfel-unknown-none\"\n[target.bpfel-unknown-none]\n\
         linker = \"bpf-linker\"\nrustflags = [\"-C\", \"panic=abort\", \"-C\", \"lto=yes\"]\n",
    );
    let missing: Vec<_> = sandbox
        .doctor("", "project")
        .into_iter()
        .filter(|(code, _)| code == "flag-missing")
        .map(|(_, message)| message)
        .collect();
    let flags = "-C codegen-units=1, -C debuginfo=2, -C link-arg=--btf";
    assert_eq!(missing.len(), 1);
    assert!(missing[0].ends_with(flags), "{missing:?}");
}

/// Without a word, a user would take them for passed on.
#[test]
fn flags_that_are_not_passed_are_named() {
    let sandbox = Sandbox::workspace();
    sandbox.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n",
    );
    let host_flags = || {
        let findings = sandbox.doctor("", "project").into_iter();
        let mut found = findings.filter(|(code, _)| code == "host-flags");
        found.next().map(|(_, message)| message)
    };
    // Here it is cargo that passes the crate's own ones only.
    assert_eq!(host_flags(), None);
    std::fs::remove_file(sandbox.path("probe/.cargo/config.toml")).unwrap();
    sandbox.write(
        "probe/Cargo.toml",
        &(package("probe") + "[package.metadata.ebpf]\n[workspace]\n"),
    );
    let message = host_flags().unwrap();
    assert!(message.contains("not passed to probe"), "{message}");
}

#[test]
fn run_takes_the_loader_that_is_named() {
    let sandbox = Sandbox::workspace();
    for (arguments, code, cause) in [
        (
            &["-p", "other"][..],
            "loader-unknown",
            "--package sets it as the loader",
        ),
        (&["--bin", "other"], "loader-program-unknown", "watcher"),
    ] {
        sandbox
            .command("")
            .arg("run")
            .args(arguments)
            .assert()
            .code(1)
            .stderr(predicate::str::contains(format!("error[{code}]")))
            .stderr(predicate::str::contains(cause));
    }
}

#[test]
fn several_loaders_are_a_question_for_the_user() {
    let sandbox = Sandbox::workspace();
    let aya = "[dependencies]\naya = \"=0.14.0\"\n";
    sandbox.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"watcher\", \"other\"]\nexclude = [\"probe\"]\n",
    );
    sandbox.write("watcher/Cargo.toml", &(package("watcher") + aya));
    sandbox.write("other/Cargo.toml", &(package("other") + aya));
    sandbox.write("other/src/main.rs", "fn main() {}\n");
    sandbox
        .command("")
        .arg("run")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("error[loader-ambiguous]"))
        .stderr(predicate::str::contains("watcher, other"));
    sandbox.write("other/Cargo.toml", &package("other"));
    let findings = sandbox.doctor("", "project");
    assert!(findings.contains(&(
        "loader-native".into(),
        "the loader watcher is built for this machine".into()
    )));
}

/// Aya may be a dependency of a library that the program uses.
#[test]
fn a_loader_may_use_aya_through_another_crate() {
    let depends = |on: &str| format!("[dependencies]\n{on} = {{ path = \"../{on}\" }}\n");
    let sandbox = Sandbox::workspace();
    sandbox.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"watcher\", \"tool\", \"app\", \"adapter\"]\n\
         exclude = [\"probe\"]\n",
    );
    sandbox.write(
        "watcher/Cargo.toml",
        &(package("watcher") + &depends("app")),
    );
    sandbox.write("app/Cargo.toml", &(package("app") + &depends("adapter")));
    sandbox.write("app/src/lib.rs", "");
    let aya = "[dependencies]\naya = \"=0.14.0\"\n";
    sandbox.write("adapter/Cargo.toml", &(package("adapter") + aya));
    sandbox.write("adapter/src/lib.rs", "");
    sandbox.write("tool/Cargo.toml", &package("tool"));
    sandbox.write("tool/src/main.rs", "fn main() {}\n");
    let loader = |name: &str| {
        let message = format!("the loader {name} is built for this machine");
        ("loader-native".to_owned(), message)
    };
    assert!(sandbox.doctor("", "project").contains(&loader("watcher")));
    // One that uses Aya itself is more likely.
    sandbox.write("tool/Cargo.toml", &(package("tool") + aya));
    assert!(sandbox.doctor("", "project").contains(&loader("tool")));
}
