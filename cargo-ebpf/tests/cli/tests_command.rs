//! `test`: what is summed up, in projects without an eBPF crate (nothing to set up).

use predicates::prelude::*;

use crate::sandbox::{Sandbox, package};

fn project(tests: &str) -> Sandbox {
    let sandbox = Sandbox::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n",
        ),
        ("a/Cargo.toml", &package("a")),
        ("a/src/lib.rs", "#[test]\nfn fine() {}\n"),
        ("b/Cargo.toml", &package("b")),
    ]);
    sandbox.write("b/src/lib.rs", tests);
    sandbox
}

fn last_line(output: &[u8]) -> String {
    String::from_utf8_lossy(output)
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn all_programs_are_summed_in_the_last_line() {
    let sandbox =
        project("#[test]\nfn fine() {}\n#[test]\n#[ignore = \"no moon\"]\nfn never() {}\n");
    let output = sandbox.command("b").arg("test").output().unwrap();
    assert!(output.status.success());
    assert_eq!(last_line(&output.stdout), "2 passed, 0 failed, 1 skipped");
    assert!(String::from_utf8_lossy(&output.stdout).contains("test never ... ignored, no moon"));
}

#[test]
fn a_failure_does_not_hide_the_rest() {
    let sandbox = project("#[test]\nfn fine() {}\n");
    sandbox.write("a/src/lib.rs", "#[test]\nfn wrong() { panic!() }\n");
    let output = sandbox.command("").arg("test").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(last_line(&output.stdout), "1 passed, 1 failed, 0 skipped");
}

#[test]
fn what_does_not_compile_is_no_success() {
    let sandbox = project("fn broken( {}\n");
    let output = sandbox.command("").arg("test").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("error[tests-incomplete]"), "{stderr}");
    assert!(last_line(&output.stdout).ends_with("0 failed, 0 skipped"));
}

#[test]
fn a_test_program_that_crashes_is_no_success() {
    let sandbox = project("#[test]\nfn crash() { std::process::abort() }\n");
    sandbox
        .command("")
        .arg("test")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("error[tests-incomplete]"));
}

#[test]
fn json_names_what_was_skipped_and_why() {
    let sandbox = project("#[test]\n#[ignore = \"no moon\"]\nfn never() {}\n");
    let output = sandbox
        .command("")
        .args(["test", "--format", "json"])
        .output()
        .unwrap();
    let document = test_support::document(&output.stdout).unwrap();
    assert_eq!(
        document,
        serde_json::json!({
            "schema": 1, "complete": true, "passed": 1, "failed": 0, "skipped": 1,
            "skipped_tests": [{ "name": "never", "reason": "no moon" }],
        })
    );
}

#[test]
fn arguments_go_on_to_cargo_and_to_the_tests() {
    let sandbox = project("#[test]\nfn one() {}\n#[test]\nfn two() {}\n");
    let output = sandbox
        .command("")
        .args(["test", "--", "-p", "b", "--", "--exact", "two"])
        .output()
        .unwrap();
    assert_eq!(last_line(&output.stdout), "1 passed, 0 failed, 0 skipped");
}
