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
