//! The documents of commands that need neither a toolchain nor privileges: each is as the
//! published schema describes it.

use std::fs;

use crate::sandbox::{Sandbox, command};

fn tests(path: &str) -> String {
    format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"))
}

fn document(arguments: &[&str]) -> serde_json::Value {
    let output = command()
        .args(arguments)
        .args(["--format", "json"])
        .output()
        .unwrap();
    test_support::document(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

#[test]
fn documents_about_objects_match_the_schema() {
    for directory in ["objects", "verify/objects", "rejections/objects"] {
        for entry in fs::read_dir(tests(directory)).unwrap() {
            let path = entry.unwrap().path();
            let object = path.to_str().unwrap();
            if path.extension().is_some_and(|extension| extension == "o") {
                document(&["inspect", "--disasm", object]);
                document(&["requirements", "--kernel", "5.10,6.12", object]);
            }
        }
    }
}

#[test]
fn explanations_match_the_schema() {
    let (log, object) = (
        tests("verify/logs/6.18-inlined.log"),
        tests("verify/objects/inlined.o"),
    );
    assert!(document(&["explain"])["classes"].is_array());
    assert!(document(&["explain", "no-rights"])["page"].is_string());
    assert!(document(&["explain", "interrupted"])["meaning"].is_string());
    assert!(document(&["explain", "--log", &log])["rejections"].is_array());
    assert!(document(&["explain", "--log", &log, &object])["rejections"].is_array());
    assert!(document(&["explain", "no-such-code"])["error"].is_object());
}

#[test]
fn the_plan_of_setup_matches_the_schema() {
    let sandbox = Sandbox::workspace();
    let output = sandbox
        .command("")
        .args(["setup", "--dry-run", "--vm", "--format", "json"])
        .output()
        .unwrap();
    test_support::document(&output.stdout).unwrap();
}
