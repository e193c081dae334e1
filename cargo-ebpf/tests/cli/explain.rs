//! `explain`: the pages of the catalogue, from the program alone.

use predicates::prelude::*;

use crate::sandbox::command;

#[test]
fn a_code_gives_its_page_and_no_code_the_list() {
    let page = include_str!("../../../docs/rejections/packet-bounds.md");
    command()
        .args(["explain", "packet-bounds"])
        .assert()
        .success()
        .stdout(page);
    for arguments in [&["explain"][..], &["explain", "--list"]] {
        command()
            .args(arguments)
            .assert()
            .success()
            .stdout(predicate::str::contains("packet-bounds "))
            .stdout(predicate::str::contains("no-rights "));
    }
}

#[test]
fn an_unknown_code_names_the_nearest() {
    command()
        .args(["explain", "paket-bound\u{1b}[31m"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains(
            "fix: cargo ebpf explain packet-bounds",
        ))
        .stderr(predicate::str::contains('\u{1b}').not());
    command()
        .args(["explain", "zzz"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("fix: cargo ebpf explain --list"));
}

#[test]
fn the_code_of_an_error_gives_its_meaning() {
    for (code, meaning) in [
        ("interrupted", "A signal stopped the command."),
        (
            "no-network",
            "A server cannot be reached, such as the crate registry.",
        ),
        ("object-empty", "The file is empty."),
    ] {
        command()
            .args(["explain", code])
            .assert()
            .success()
            .stdout(format!("{code}: {meaning}\n"));
    }
    command()
        .args(["explain", "interrupted", "--format", "json"])
        .assert()
        .success()
        .stdout(predicate::str::contains(
            r#""meaning": "A signal stopped the command.""#,
        ));
}

const INLINED_LOG: &str = include_str!("../verify/logs/6.18-inlined.log");

fn object(path: &str) -> String {
    format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_log_is_explained_with_and_without_its_object() {
    let inlined = object("verify/objects/inlined.o");
    command()
        .args(["explain", "--log", "-", &inlined])
        .write_stdin(INLINED_LOG)
        .assert()
        .success()
        .stdout(predicate::str::contains("verifier::map-bounds"))
        .stdout(predicate::str::contains("inlined.rs"))
        .stdout(predicate::str::contains("of `count` "));
    command()
        .args(["explain", "--log", "-"])
        .write_stdin(INLINED_LOG)
        .assert()
        .success()
        .stdout(predicate::str::contains("verifier::map-bounds"))
        .stdout(predicate::str::contains("``").not());
    command()
        .args(["--format", "github", "explain", "--log", "-", &inlined])
        .write_stdin(INLINED_LOG)
        .assert()
        .success()
        .stdout(predicate::str::contains("::error title=map-bounds,file="));
}

#[test]
fn text_without_a_log_is_an_error() {
    command()
        .args(["explain", "--log", "-"])
        .write_stdin("Error: no such file\n")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("error[no-verifier-log]"));
}
