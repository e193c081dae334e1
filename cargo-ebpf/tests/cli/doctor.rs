//! What `doctor` says, as a document that others can rely on.

use serde_json::Value;

use crate::sandbox::Sandbox;

#[test]
fn the_document_has_its_schema() {
    let sandbox = Sandbox::workspace();
    let output = sandbox
        .command("")
        .args(["doctor", "--format", "json"])
        .output()
        .unwrap();
    let document = test_support::document(&output.stdout).unwrap();
    assert_eq!(document["schema"], 1);

    let groups = document["groups"].as_array().unwrap();
    let names: Vec<&str> = groups
        .iter()
        .map(|group| group["group"].as_str().unwrap())
        .collect();
    let all = ["toolchain", "project", "editors", "kernel", "other kernels"];
    assert_eq!(names, all);

    let findings: Vec<&Value> = groups
        .iter()
        .flat_map(|group| group["findings"].as_array().unwrap())
        .collect();
    let count = |severity: &str| {
        findings
            .iter()
            .filter(|finding| finding["severity"] == severity)
            .count()
    };
    assert_eq!(document["fine"], count("fine"));
    assert_eq!(document["warnings"], count("warning"));
    assert_eq!(document["errors"], count("error"));
    assert_eq!(document["can_build"], count("error") == 0);
    assert_eq!(output.status.code(), Some(i32::from(count("error") > 0)));

    for finding in findings {
        let code = finding["code"].as_str().unwrap();
        assert!(
            code.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{code}"
        );
        assert!(!finding["message"].as_str().unwrap().is_empty());
        if finding["severity"] != "fine" {
            assert!(finding["fix"].is_string(), "{code} has no fix");
        }
    }
}

#[test]
fn the_machine_is_examined_outside_of_projects_too() {
    let sandbox = Sandbox::new(&[("x", "")]);
    let project = sandbox.doctor("", "project");
    assert_eq!(project.len(), 1);
    assert_eq!(project[0].0, "project-missing");
    assert!(!sandbox.doctor("", "kernel").is_empty());
}

#[test]
fn a_compiler_that_the_user_names_and_that_cannot_do_it_is_an_error() {
    let sandbox = Sandbox::workspace();
    let output = sandbox
        .command("")
        .arg("doctor")
        .env("RUSTC", sandbox.path("no/rustc"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("error[rustc-given-unfit]"), "{text}");
}
