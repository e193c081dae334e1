//! A loader that uses the skeleton of its object, in the sources in `skeleton/`.

use std::{fs, process::Command, sync::LazyLock};

use crate::sandbox::{Project, Sources, command, names_in, run};

const LOADER: &str = "watch/src/main.rs";
const PROGRAMS: &str = "watch-ebpf/src/main.rs";

const SOURCES: Sources = Sources {
    name: "skeleton",
    folder: "skeleton",
    files: &[
        "Cargo.toml",
        "watch/Cargo.toml",
        "watch/build.rs",
        LOADER,
        "watch-common/Cargo.toml",
        "watch-common/src/lib.rs",
        "watch-ebpf/Cargo.toml",
        PROGRAMS,
        "watch-ebpf/src/every.rs",
    ],
    ebpf: "watch-ebpf",
};

/// The project as it is in the repository.
fn project() -> &'static Project {
    static PROJECT: LazyLock<Project> = LazyLock::new(|| Project::open(&SOURCES));
    PROJECT.restore();
    &PROJECT
}

fn cargo(project: &Project, subcommand: &str) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args([subcommand, "--package", "watch"]);
    cargo
}

pub(crate) fn programs_maps_and_globals_work(_: &Project) {
    let project = project();
    run(&mut cargo(project, "build")).exits(0);
    let ran = run(&mut command(project.path("target/debug/watch"))).exits(0);
    ran.says("zeroed: 5")
        .says("start: Traffic { packets: 40, bytes: 2 }")
        .says("event: Some([8, 0, 0, 0, 0, 0, 0, 0])")
        .says("egress: Some(\"egress\")")
        .says("calls of program 1: true")
        .keeps_silent("false");
}

pub(crate) fn a_misspelt_name_does_not_compile(_: &Project) {
    let project = project();
    for (right, wrong) in [
        ("progs.exec().", "progs.exek()."),
        ("maps.traffic.get(&0,", "maps.trafic.get(&0,"),
        (".seen(100)", ".sean(100)"),
        (".calls(16)", ".cals(16)"),
        (".egress(false)", ".egres(false)"),
    ] {
        project.edit(LOADER, right, wrong);
    }
    run(&mut cargo(project, "check"))
        .exits(101)
        .says("no method named `exek` found for struct `watch::skeleton::Progs`")
        .says("no field `trafic` on type `watch::skeleton::Maps`")
        .says("no method named `sean` found for mutable reference `&mut watch::skeleton::Globals`")
        .says("no method named `cals` found for struct `watch::skeleton::MaxEntries`")
        .says("no method named `egres` found for struct `watch::skeleton::Autoload`");

    let project = self::project();
    project.edit(LOADER, ".zeroed(5)", ".zeroed(5_u64)");
    run(&mut cargo(project, "check"))
        .exits(101)
        .says("mismatched types")
        .says("expected `i32`, found `u64`");
}

pub(crate) fn a_stub_has_the_last_skeleton(_: &Project) {
    let project = project();
    run(&mut cargo(project, "check")).exits(0);
    // Its source is new, so that the object of a run before does not do.
    project.edit(PROGRAMS, "count(5)", "count(6)");
    let empty = tempfile::tempdir().unwrap();
    let without_linker = || {
        let mut cargo = cargo(project, "check");
        cargo.env("XDG_CACHE_HOME", empty.path());
        run(&mut cargo)
    };
    without_linker().exits(0).says("no eBPF object is embedded");

    let builds = project.path("target/debug/build");
    for build in names_in(&builds) {
        fs::remove_file(builds.join(build).join("out/watch.skel.rs")).ok();
    }
    without_linker()
        .exits(101)
        .says("error: the skeleton of the eBPF object watch was not generated: no bpf-linker");

    // As soon as there is a linker, nothing has to be cleaned.
    run(&mut cargo(project, "check")).exits(0);
}
