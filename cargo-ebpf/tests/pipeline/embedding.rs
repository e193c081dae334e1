//! A build script that embeds the object: plain `cargo build` of the loader.

use std::process::Command;

use crate::sandbox::{PROGRAM, Project, Ran, command, run};

fn cargo_build(project: &Project) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args(["build", "--package", "probe", "--verbose"]);
    cargo
}

/// What the loader says of the object in it.
fn embedded(project: &Project) -> Ran {
    run(&mut command(project.path("target/debug/probe"))).exits(0)
}

const OBJECT: &str = "bytes from [7f, 45, 4c, 46]";

pub(crate) fn without_a_linker_a_stub_is_embedded(project: &Project) {
    let empty = tempfile::tempdir().unwrap();
    // Its source is new, so that the object of a run before does not do.
    project.edit(PROGRAM, "+= 1", "+= 5");
    run(&mut cargo_build(project)).exits(0);
    project.edit(PROGRAM, "+= 5", "+= 6");

    let mut cargo = cargo_build(project);
    let ran = run(cargo.env("XDG_CACHE_HOME", empty.path()))
        .exits(0)
        .says("no bpf-linker for the LLVM")
        .says("fix: cargo ebpf setup");
    let warnings = ran.stderr.lines().filter(|line| line.contains("warning:"));
    assert_eq!(warnings.count(), 1, "{}", ran.stderr);
    embedded(project)
        .says("stub: no bpf-linker for the LLVM")
        .says("fix: cargo ebpf setup");

    let mut cargo = cargo_build(project);
    cargo.env("XDG_CACHE_HOME", empty.path());
    run(cargo.env("EBPF_BUILD_REQUIRED", "1"))
        .exits(101)
        .says("no bpf-linker for the LLVM")
        .says("fix: cargo ebpf setup");

    // As soon as there is a linker, nothing has to be cleaned.
    run(&mut cargo_build(project)).exits(0);
    embedded(project).says(OBJECT).keeps_silent("stub");
}

pub(crate) fn an_edit_embeds_a_fresh_object(project: &Project) {
    run(&mut cargo_build(project)).exits(0);
    let before = embedded(project).says(OBJECT).stdout;
    run(&mut cargo_build(project))
        .exits(0)
        .says("Fresh probe v");

    project.edit(
        PROGRAM,
        "#[xdp]",
        "#[btf_map]\nstatic MORE: Array<u32, 9> = Array::new();\n\n#[xdp]",
    );
    run(&mut cargo_build(project))
        .exits(0)
        .says("Compiling probe v");
    let after = embedded(project).says(OBJECT).stdout;
    assert_ne!(before, after, "the old object is embedded");
    run(&mut cargo_build(project))
        .exits(0)
        .says("Fresh probe v");
}

/// The crate's own mistakes are not hidden by a stub.
pub(crate) fn a_compile_error_fails_the_loader_too(project: &Project) {
    project.edit(PROGRAM, "    XDP_PASS\n", "    XDP_SHRUG\n");
    run(&mut cargo_build(project))
        .exits(101)
        .says("cannot find value `XDP_SHRUG` in this scope");
}
