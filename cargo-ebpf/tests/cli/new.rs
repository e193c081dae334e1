//! `new`, as far as it needs no toolchain. The suite `programs` builds what it creates.

use std::fs;

use predicates::prelude::*;

use crate::sandbox::Sandbox;

#[test]
fn a_project_is_created_once() {
    let sandbox = Sandbox::new(&[("x", "")]);
    let new = || {
        let mut command = sandbox.command("");
        command.args(["new", "watch", "--program", "xdp", "--program", "tc,xdp"]);
        command.args(["--format", "json"]);
        command.output().unwrap()
    };
    let document = test_support::document(&new().stdout).unwrap();
    assert_eq!(document["project"], "watch");
    assert_eq!(
        document["programs"],
        serde_json::json!(["xdp", "classifier"])
    );
    let readme = fs::read_to_string(sandbox.path("watch/README.md")).unwrap();
    assert!(readme.starts_with("# watch\n"), "{readme}");

    let again = new();
    assert_eq!(again.status.code(), Some(1));
    let document = test_support::document(&again.stdout).unwrap();
    assert_eq!(document["error"]["code"], "project-exists");
    assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 2);
}

#[test]
fn what_is_no_project_is_not_begun() {
    let sandbox = Sandbox::new(&[("x", "")]);
    for (arguments, code, said) in [
        (
            &["watch", "--program", "xpd"][..],
            2,
            "a similar value exists: 'xdp'",
        ),
        (&["watch", "--program", "moon"], 2, "kprobe, kretprobe"),
        (&["a/b", "--program", "xdp"], 1, "error[project-name]: "),
        (&["match", "--program", "xdp"], 1, "keyword of Rust"),
        // Nobody is there to be asked.
        (&["watch"], 1, "error[program-type-missing]: "),
    ] {
        sandbox
            .command("")
            .arg("new")
            .args(arguments)
            .assert()
            .code(code)
            .stderr(predicate::str::contains(said));
    }
    assert_eq!(fs::read_dir(sandbox.root()).unwrap().count(), 1);
}

#[test]
fn an_existing_project_is_completed_and_shown() {
    let sandbox = Sandbox::workspace();
    let manifest = || fs::read_to_string(sandbox.path("watcher/Cargo.toml")).unwrap();
    let before = manifest();
    let init = |arguments: &[&str]| {
        let mut command = sandbox.command("");
        command.arg("init").args(arguments);
        command.output().unwrap()
    };
    let planned = init(&["--dry-run", "--format", "json"]).stdout;
    let planned = test_support::document(&planned).unwrap();
    assert_eq!(planned["added"].as_array().unwrap().len(), 2);
    assert_eq!(manifest(), before);
    assert!(!sandbox.path("watcher/build.rs").exists());

    let said = String::from_utf8(init(&[]).stdout).unwrap();
    assert!(said.contains("added to watcher/Cargo.toml:\n+ "), "{said}");
    assert!(said.contains("+     ebpf_build::embed(\"../probe\")\n"));
    assert!(manifest().starts_with(&before), "{}", manifest());
    let script = fs::read_to_string(sandbox.path("watcher/build.rs")).unwrap();

    let said = String::from_utf8(init(&[]).stdout).unwrap();
    assert!(said.starts_with("nothing is missing"), "{said}");
    assert_eq!(
        fs::read_to_string(sandbox.path("watcher/build.rs")).unwrap(),
        script
    );
}
