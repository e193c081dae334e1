//! The checker reports what is forbidden, shown on crates in memory.

use std::collections::BTreeMap;

use architecture::{Check, Rules, check};

const RULES: &str = r#"
[crate.sample]
order = ["model", "store", "command"]
confined.clap = ["command"]
"#;

/// A crate that breaks no rule.
fn sample() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        (
            "sample/src/lib.rs",
            "mod command; mod model; mod store;\npub use crate::model::Row;",
        ),
        (
            "sample/src/model.rs",
            "pub struct Row;\npub fn row() -> Row { Row }",
        ),
        (
            "sample/src/store/mod.rs",
            "mod read; mod write;\npub use read::read;\npub struct Format;\nfn both() { write::write(&Format) }",
        ),
        (
            "sample/src/store/read.rs",
            "use super::Format;\nuse crate::model::Row;\npub fn read(_: Format) -> Row { Row }",
        ),
        (
            "sample/src/store/write.rs",
            "pub fn write(_: &super::Format) { super::read::read(); }",
        ),
        (
            "sample/src/command.rs",
            "use clap::Parser;\nuse crate::{model, store::{self, Format}};\nfn run() { store::read(Format); model::row(); }",
        ),
    ])
}

fn checked(files: &BTreeMap<&str, &str>, rules: &str) -> Check {
    check(files, &Rules::parse(rules).unwrap())
}

/// What is reported when the file's text is this.
#[track_caller]
fn broken_by(file: &'static str, text: &'static str) -> Vec<String> {
    let mut files = sample();
    files.insert(file, text);
    checked(&files, RULES).broken
}

#[test]
fn a_crate_in_order_is_accepted() {
    let result = checked(&sample(), RULES);
    assert!(result.broken.is_empty(), "{:#?}", result.broken);
    assert!(result.imports >= 8, "{}", result.imports);
}

#[test]
fn a_forbidden_import_is_reported_with_its_line() {
    for text in [
        "pub struct Row;\nuse crate::store::Format;",
        "pub struct Row;\nuse super::{store::{Format as F}};",
        "pub struct Row;\nfn f() { crate::store::read(todo!()); }",
        "pub struct Row;\nfn f() { println!(\"{}\", crate::store::read(1)); }",
        "pub struct Row;\nimpl From<crate::store::Format> for Row {}",
        "pub struct Row;\nmod inner { use crate::store::Format; }",
        "pub struct Row;\npub use crate::store::Format;",
        "pub struct Row;\nuse crate::store::*;",
    ] {
        let broken = broken_by("sample/src/model.rs", text);
        let [report] = &broken[..] else {
            panic!("{text}: {broken:#?}");
        };
        assert!(report.starts_with("sample/src/model.rs:2: "), "{report}");
        assert!(report.contains("`model` comes before `store`"), "{report}");
    }
}

#[test]
fn the_root_counts_as_the_last_module() {
    let broken = broken_by(
        "sample/src/store/read.rs",
        "pub fn read() {}\nuse crate::main;",
    );
    assert!(
        broken[0].contains("`store` comes before the crate's root"),
        "{broken:#?}"
    );
    // A name that the root only passes on is where it is defined.
    assert!(
        broken_by(
            "sample/src/store/read.rs",
            "pub fn read() {}\nuse crate::Row;"
        )
        .is_empty()
    );
}

#[test]
fn names_are_followed_to_where_they_are_defined() {
    let broken = broken_by(
        "sample/src/store/write.rs",
        "pub fn write() {}\nuse super::read;\nuse crate::store;",
    );
    assert!(broken.is_empty(), "{broken:#?}");
    let broken = broken_by(
        "sample/src/store/read.rs",
        "use super::write::write;\npub fn read() {}",
    );
    // write.rs takes `read` from here.
    assert!(
        broken[0]
            .contains("a circle of files: sample/src/store/read.rs, sample/src/store/write.rs")
    );
}

#[test]
fn a_circle_by_way_of_an_alias_is_seen() {
    let mut files = sample();
    files.insert(
        "sample/src/store/read.rs",
        "use crate::store;\npub fn read() { store::write::write() }",
    );
    let broken = checked(&files, RULES).broken;
    assert_eq!(broken.len(), 2, "{broken:#?}");
    assert!(
        broken[0].starts_with("sample/src/store/read.rs:2: store::write::write"),
        "{broken:#?}"
    );
}

#[test]
fn code_of_tests_does_not_count() {
    for text in [
        "pub struct Row;\n#[cfg(test)] mod tests { use crate::store::Format; }",
        "pub struct Row;\n#[cfg(test)] use crate::store::Format;",
        "pub struct Row;\nimpl Row { #[cfg(test)] fn f() { crate::store::read() } }",
        "pub struct Row;\n#[cfg(all(test, unix))] fn f() { crate::store::read() }",
        "pub struct Row;\n/// See [`crate::store`].\npub struct Other;",
    ] {
        let broken = broken_by("sample/src/model.rs", text);
        assert!(broken.is_empty(), "{text}: {broken:#?}");
    }
    let only = "pub struct Row;\n#[cfg(any(test, unix))] use crate::store::Format;";
    assert_eq!(broken_by("sample/src/model.rs", only).len(), 1);
}

#[test]
fn another_crate_is_for_some_modules_only() {
    let broken = broken_by(
        "sample/src/model.rs",
        "pub struct Row;\n#[derive(clap::Args)] struct A;\nfn f() -> clap::Id {}",
    );
    assert!(
        broken[0].starts_with("sample/src/model.rs:3: clap::Id"),
        "{broken:#?}"
    );
    let broken = broken_by("sample/src/model.rs", "pub struct Row;\n\nuse clap::Args;");
    assert!(
        broken[0].starts_with("sample/src/model.rs:3: clap::Args"),
        "{broken:#?}"
    );
}

#[test]
fn each_module_needs_a_place() {
    let mut files = sample();
    files.insert(
        "sample/src/lib.rs",
        "mod command; mod model; mod store; mod extra;",
    );
    files.insert("sample/src/extra.rs", "");
    let broken = checked(&files, RULES).broken;
    assert!(broken[0].contains("`extra` has no place"), "{broken:#?}");
    files.insert("sample/src/lib.rs", "mod model; mod extra;");
    let broken = checked(&files, RULES).broken;
    assert!(
        broken
            .iter()
            .any(|text| text.contains("`store`, which does not exist")),
        "{broken:#?}"
    );
}

#[test]
fn modules_without_an_order_may_not_form_a_circle() {
    let files = BTreeMap::from([
        ("sample/src/lib.rs", "mod one; mod two;"),
        ("sample/src/one.rs", "mod far;\npub struct One;"),
        ("sample/src/one/far.rs", "use crate::two::Two;"),
        ("sample/src/two.rs", "pub struct Two(crate::one::One);"),
    ]);
    let broken = checked(&files, "[crate.sample]").broken;
    assert_eq!(broken.len(), 2, "{broken:#?}");
    for report in &broken {
        assert!(report.contains("a circle of modules: one, two"), "{report}");
    }
}

#[test]
fn what_cannot_be_read_is_reported() {
    let mut files = sample();
    files.insert("sample/src/model.rs", "pub struct");
    assert!(checked(&files, RULES).broken[0].starts_with("sample/src/model.rs: "));
    files.remove("sample/src/model.rs");
    assert!(checked(&files, RULES).broken[0].contains("does not exist"));
    assert!(checked(&BTreeMap::new(), RULES).broken[0].contains("neither"));
}
