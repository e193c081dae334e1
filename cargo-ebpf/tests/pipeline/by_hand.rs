//! The checklist's own command, typed by hand after `cargo ebpf env`.

use std::process::Command;

use crate::sandbox::{PROGRAM, Project, path_without_rustup, run};

const BY_HAND: &str = "eval \"$(\"$0\" env)\" && cd probe-ebpf && \
    cargo +nightly build --target bpfel-unknown-none -Z build-std=core,alloc --release";
const CARGOS_OBJECT: &str = "probe-ebpf/target/bpfel-unknown-none/release/probe";

fn by_hand(project: &Project) -> Command {
    let mut shell = project.command("sh");
    shell.args(["-c", BY_HAND, env!("CARGO_BIN_EXE_cargo-ebpf")]);
    shell
}

fn shares_its_results(project: &Project, by_hand: impl Fn() -> Command) {
    project.build();
    run(&mut by_hand())
        .exits(0)
        .says("Finished `release`")
        .compiles_nothing();

    project.edit(PROGRAM, "+= 1", "+= 7");
    run(&mut by_hand())
        .exits(0)
        .says("Compiling probe-ebpf")
        .keeps_silent("Compiling core");
    let object = std::fs::read(project.path(CARGOS_OBJECT)).unwrap();
    assert_eq!(ebpf_build::check(&object, ebpf_build::Target::Little), []);
    project.build().compiles_nothing();
    assert!(project.object() == object, "the build made another object");
}

pub(crate) fn the_checklists_command_works_by_hand(project: &Project) {
    shares_its_results(project, || by_hand(project));
}

pub(crate) fn the_checklists_command_works_without_rustup(project: &Project) {
    shares_its_results(project, || {
        let mut shell = by_hand(project);
        shell
            .env("RUSTUP_HOME", "/nonexistent")
            .env("PATH", path_without_rustup());
        shell
    });
}
