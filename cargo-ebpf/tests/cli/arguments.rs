//! Helps, wrong usage, and errors that every command shares.

use predicates::prelude::*;

use crate::sandbox::{Sandbox, command};

const COMMANDS: &[&str] = &[
    "init",
    "new",
    "setup",
    "doctor",
    "build",
    "inspect",
    "requirements",
    "bindings",
    "verify",
    "explain",
    "kernels",
    "run",
    "test",
    "env",
    "clean",
    "man",
    "completions",
];

#[test]
fn every_help_is_as_reviewed() {
    let help = |arguments: &[&str]| {
        let output = command().args(arguments).arg("--help").output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    insta::assert_snapshot!("help", help(&[]));
    for name in COMMANDS {
        let text = help(&[name]);
        assert!(text.contains("Example: "), "{name} has no example");
        insta::assert_snapshot!(format!("help-{name}"), text);
    }
}

#[test]
fn each_shell_has_a_completion_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        command()
            .args(["completions", shell])
            .assert()
            .success()
            .stdout(predicate::str::contains("cargo-ebpf").and(predicate::str::contains("verify")));
    }
}

#[test]
fn the_manual_is_one_page() {
    command()
        .arg("man")
        .assert()
        .success()
        .stdout(predicate::str::contains(".TH cargo-ebpf"))
        .stdout(predicate::str::contains(".SH \"CARGO EBPF VERIFY\""));
}

#[test]
fn cargos_own_word_is_skipped() {
    command()
        .args(["ebpf", "--version"])
        .assert()
        .success()
        .stdout(predicate::str::contains("cargo ebpf"));
}

#[test]
fn wrong_usage_is_told_apart_and_does_nothing() {
    for arguments in [
        &["biuld"][..],
        &["build", "--cpu", "v9"],
        &["build", "--target", "x86_64-unknown-linux-gnu"],
        &["build", "--format", "xml"],
        &["inspect"],
        &["verify", "--package", "probe", "target/ebpf/probe"],
        &["kernels", "--fetch", "6.1.2"],
        &["kernels", "--fetch", "sixone"],
        &[],
    ] {
        command()
            .args(arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::is_empty().not());
    }
}

#[test]
fn a_path_without_cargo_is_named_with_a_fix() {
    let sandbox = Sandbox::workspace();
    sandbox
        .command("")
        .arg("build")
        .env("PATH", sandbox.path("empty"))
        .assert()
        .code(1)
        .stdout("")
        // Where a compiler for BPF lies in its usual place, its cargo reads the project,
        // and the next thing that is missing here is a linker.
        .stderr(
            predicate::str::contains("failed to spawn `cargo metadata")
                .and(predicate::str::contains("fix: export PATH="))
                .or(predicate::str::contains("error[linker-missing]")
                    .and(predicate::str::contains("fix: cargo ebpf setup"))),
        );
}

#[test]
fn errors_are_json_too() {
    let sandbox = Sandbox::new(&[("x", "")]);
    let output = sandbox
        .command("")
        .args(["build", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document = test_support::document(&output.stdout).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["error"]["code"], "project-missing");
    assert!(!output.stderr.is_empty());
}

#[test]
fn colours_are_for_terminals_only() {
    let sandbox = Sandbox::new(&[("x", "")]);
    let colour = predicate::str::contains("\u{1b}[");
    sandbox
        .command("")
        .arg("build")
        .assert()
        .stderr(colour.clone().not());
    sandbox
        .command("")
        .arg("build")
        .env("CLICOLOR_FORCE", "1")
        .assert()
        .stderr(colour.clone());
    sandbox
        .command("")
        .arg("build")
        .envs([("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])
        .assert()
        .stderr(colour.not());
}

#[test]
fn env_prints_nothing_when_it_fails() {
    // So that eval "$(cargo ebpf env)" does nothing.
    let sandbox = Sandbox::new(&[("rustc", "")]);
    sandbox
        .command("")
        .arg("env")
        .env("RUSTC", sandbox.path("rustc"))
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains("RUSTC="));
}

#[test]
fn a_command_with_a_format_of_its_own_takes_no_other() {
    for arguments in [&["man"][..], &["completions", "bash"]] {
        let run = |format: &str| {
            let mut command = command();
            command.args(arguments).args(["--format", format]);
            command.output().unwrap()
        };
        assert!(run("human").status.success(), "{arguments:?}");
        for format in ["json", "github"] {
            let output = run(format);
            assert_eq!(output.status.code(), Some(2), "{arguments:?} {format}");
            assert!(output.stdout.is_empty(), "{arguments:?} {format}");
        }
    }
}
