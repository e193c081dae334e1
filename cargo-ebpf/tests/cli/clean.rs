//! `clean` removes what is the pipeline's, to the byte, and nothing beside it.

use predicates::prelude::*;

use crate::sandbox::Sandbox;

fn built() -> Sandbox {
    let sandbox = Sandbox::workspace();
    for path in [
        "target/ebpf/probe",
        "target/ebpf/bpfeb-unknown-none/probe",
        "target/ebpf-build/CACHEDIR.TAG",
        "target/release/watcher",
        "probe/target/bpfel-unknown-none/release/probe",
        "watcher/target/mine",
        ".cache/cargo-ebpf/linkers/x/bin/bpf-linker",
        ".cache/cargo-ebpf/kernels/images/x/vmlinuz",
        ".cache/other/mine",
    ] {
        sandbox.write(path, "1234");
    }
    sandbox
}

#[test]
fn only_its_own_goes() {
    let sandbox = built();
    let output = sandbox
        .command("probe")
        .args(["clean", "--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let document = test_support::document(&output.stdout).unwrap();
    assert_eq!(
        document["removed"],
        serde_json::json!([
            { "path": sandbox.path("target/ebpf"), "bytes": 8 },
            { "path": sandbox.path("target/ebpf-build"), "bytes": 4 },
            { "path": sandbox.path("probe/target"), "bytes": 4 },
        ])
    );
    for gone in ["target/ebpf", "target/ebpf-build", "probe/target"] {
        assert!(!sandbox.path(gone).exists(), "{gone}");
    }
    for kept in [
        "target/release/watcher",
        "watcher/target/mine",
        "probe/src/main.rs",
        ".cache/cargo-ebpf/linkers/x/bin/bpf-linker",
    ] {
        assert!(sandbox.path(kept).exists(), "{kept}");
    }
    sandbox
        .command("")
        .arg("clean")
        .assert()
        .success()
        .stdout("nothing to remove\n");
}

#[test]
fn the_linkers_go_when_asked_for() {
    let sandbox = built();
    sandbox
        .command("")
        .args(["clean", "--toolchain"])
        .assert()
        .success()
        .stdout(predicate::str::contains(".cache/cargo-ebpf (8 B)"));
    assert!(!sandbox.path(".cache/cargo-ebpf").exists());
    assert!(sandbox.path(".cache/other/mine").exists());
}

#[test]
fn the_kernels_go_when_asked_for() {
    let sandbox = built();
    sandbox
        .command("")
        .args(["clean", "--kernels"])
        .assert()
        .success()
        .stdout(predicate::str::contains(".cache/cargo-ebpf/kernels (4 B)"));
    assert!(!sandbox.path(".cache/cargo-ebpf/kernels").exists());
    assert!(sandbox.path(".cache/cargo-ebpf/linkers/x").exists());
}
