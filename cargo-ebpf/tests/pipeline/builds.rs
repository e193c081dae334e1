//! `build`, `inspect`, `verify` and `run` in a project that is not this one, and what
//! is said of a crate that is not as it should be.

use std::fs;

use ebpf_build::finding::Severity;

use crate::sandbox::{OBJECT, PROGRAM, Project, run};

const BIG_OBJECT: &str = "target/ebpf/bpfeb-unknown-none/probe";

pub(crate) fn builds_and_inspects(project: &Project) {
    fs::remove_dir_all(project.path("target/ebpf")).ok();
    project.build().says(OBJECT).says("1 program, 1 map");
    assert_eq!(project.objects(), ["probe"]);

    let inspected = run(&mut project.ebpf(&["inspect", OBJECT, "--format", "json"])).exits(0);
    let object = inspected.json();
    assert_eq!(object["license"], "Dual MIT/GPL");
    assert_eq!(object["programs"][0]["name"], "watch");
    assert_eq!(object["maps"][0]["name"], "PACKETS");
    assert_eq!(object["maps"][0]["style"], "btf");
    assert!(object["btf"]["ext"].is_object(), "{object}");
    let found = ebpf_build::check(&project.object(), ebpf_build::Target::Little);
    assert_eq!(found, []);
}

pub(crate) fn builds_only_what_changed(project: &Project) {
    project.build();
    let changed = || fs::metadata(project.path(OBJECT)).unwrap().modified();
    let before = changed().unwrap();
    project.build().says("(unchanged)").compiles_nothing();
    assert_eq!(changed().unwrap(), before);

    project.edit(PROGRAM, "+= 1", "+= 2");
    project.build().says("(built)");
    assert!(changed().unwrap() > before);
}

pub(crate) fn profiles_of_a_native_build_change_nothing(project: &Project) {
    project.build();
    let mut build = project.ebpf(&["build"]);
    build.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    run(&mut build)
        .exits(0)
        .says("(unchanged)")
        .compiles_nothing();
}

pub(crate) fn builds_inside_the_ebpf_crate(project: &Project) {
    let mut build = project.ebpf(&["build"]);
    run(build.current_dir(project.path("probe-ebpf/src")))
        .exits(0)
        .says(project.path(OBJECT).to_str().unwrap());
    assert!(!project.path("probe-ebpf/target/ebpf").exists());
}

pub(crate) fn the_kernel_accepts_the_object(project: &Project) {
    let verified = run(&mut project.ebpf(&["verify", "--format", "json"])).exits(0);
    let programs = &verified.json()["kernels"][0]["objects"][0]["programs"];
    assert_eq!(programs[0]["name"], "watch");
    assert_eq!(programs[0]["verdict"], "accepted");
}

pub(crate) fn run_starts_the_loader_with_its_object(project: &Project) {
    run(&mut project.ebpf(&["run", "--", "7", "--flag", "two words"]))
        .exits(7)
        .says("bytes from [7f, 45, 4c, 46]")
        .says("arguments: [\"7\", \"--flag\", \"two words\"]")
        .says("accepts 1 program\n");
}

pub(crate) fn a_compile_error_is_rustcs_own(project: &Project) {
    project.build();
    let object = project.object();
    project.edit(PROGRAM, "    XDP_PASS\n", "    XDP_SHRUG\n");
    run(&mut project.ebpf(&["build"]))
        .refuses("build-failed", "probe-ebpf")
        .says("error[E0425]: cannot find value `XDP_SHRUG` in this scope")
        .says("|     XDP_SHRUG");
    assert!(project.object() == object, "the object has changed");
    assert_eq!(project.objects(), ["probe"]);
}

pub(crate) fn panic_code_is_named(project: &Project) {
    project.build();
    let object = project.object();
    project.edit(
        PROGRAM,
        "*packets += 1 };",
        "*packets += 1 };\n        return [1, 2, 3][unsafe { *packets } as usize];",
    );
    run(&mut project.ebpf(&["build"])).refuses("panic-code", "watch can panic");
    assert!(project.object() == object, "the object has changed");
    // Still refused where there is nothing to build.
    run(&mut project.ebpf(&["build"])).refuses("panic-code", "watch can panic");
}

pub(crate) fn what_is_fine_is_there_beside_what_is_not(project: &Project) {
    let second = project.path("probe-ebpf/src/bin/panics.rs");
    fs::create_dir_all(second.parent().unwrap()).unwrap();
    let text = fs::read_to_string(project.path(PROGRAM)).unwrap();
    let panics = "*packets += 1 };\n        return [1, 2, 3][unsafe { *packets } as usize];";
    fs::write(&second, text.replace("*packets += 1 };", panics)).unwrap();
    let built = run(&mut project.ebpf(&["build", "--format", "json"]));
    let verified = run(&mut project.ebpf(&["verify"]));
    let ran = run(&mut project.ebpf(&["run"]));
    // Before anything fails: the project is for other tests, too.
    fs::remove_dir_all(second.parent().unwrap()).unwrap();

    let built = built.exits(1).json();
    assert_eq!(built["objects"][0]["name"], "probe", "{built:#}");
    assert_eq!(built["failed"][0]["code"], "panic-code", "{built:#}");
    assert_eq!(project.objects(), ["probe"]);
    verified
        .exits(1)
        .says("error[panic-code]: ")
        .says("accepts 1 of 1 programs");
    ran.refuses("panic-code", "watch can panic");
}

pub(crate) fn legacy_maps_are_a_warning_until_denied(project: &Project) {
    project.edit(PROGRAM, "    btf_maps::Array,\n", "");
    project.edit(PROGRAM, "macros::{btf_map,", "macros::{map,");
    project.edit(
        PROGRAM,
        "#[btf_map]\nstatic PACKETS: Array<u64, 1> = Array::new();",
        "#[map]\nstatic PACKETS: aya_ebpf::maps::Array<u64> =\n    \
         aya_ebpf::maps::Array::with_max_entries(1, 0);",
    );
    project.build().warns("legacy-maps", "PACKETS");
    let object = project.object();
    run(&mut project.ebpf(&["build", "--deny", "legacy-maps"])).refuses("legacy-maps", "PACKETS");
    assert!(project.object() == object, "the object has changed");

    let metadata = "[package.metadata.ebpf]\ndeny = [\"legacy-maps\"]\n\n[workspace]";
    project.edit("probe-ebpf/Cargo.toml", "[workspace]", metadata);
    run(&mut project.ebpf(&["build"])).refuses("legacy-maps", "PACKETS");
}

pub(crate) fn a_crate_without_cargo_config_gets_every_flag(project: &Project) {
    project.build();
    without_config(project);
    project.edit(PROGRAM, "+= 1", "+= 3");
    project
        .build()
        .says("Compiling probe-ebpf")
        // Its flags are spelled as in the crate's own config.
        .keeps_silent("Compiling core");
    let found = ebpf_build::check(&project.object(), ebpf_build::Target::Little);
    assert_eq!(found, []);
}

/// As in a project from aya-template: the crate is known by its dependency on aya-ebpf.
fn without_config(project: &Project) {
    fs::remove_file(project.path("probe-ebpf/.cargo/config.toml")).unwrap();
}

/// Aya takes the GPL for granted, and most projects have no section for it.
pub(crate) fn a_missing_license_is_a_warning_until_denied(project: &Project) {
    project.edit(PROGRAM, "#[unsafe(link_section = \"license\")]\n", "");
    project.build().warns("license-missing", "license");
    let object = project.object();
    run(&mut project.ebpf(&["build", "--deny", "license-missing"]))
        .refuses("license-missing", "license");
    assert!(project.object() == object, "the object has changed");
}

/// With a manifest that says nothing of LTO either.
pub(crate) fn builds_big_endian_for_an_old_instruction_set(project: &Project) {
    without_config(project);
    project.edit(
        "probe-ebpf/Cargo.toml",
        "[profile.release]\nlto = true\n",
        "",
    );
    fs::remove_file(project.path(BIG_OBJECT)).ok();
    let target = ["build", "--target", "bpfeb-unknown-none", "--cpu", "v2"];
    run(&mut project.ebpf(&target)).exits(0).says(BIG_OBJECT);

    let object = fs::read(project.path(BIG_OBJECT)).unwrap();
    assert_eq!(ebpf_build::check(&object, ebpf_build::Target::Big), []);
    let as_little = ebpf_build::check(&object, ebpf_build::Target::Little);
    assert_eq!(as_little[0].code, "object-endianness");
    assert_eq!(as_little[0].severity, Severity::Error);
    run(&mut project.ebpf(&["inspect", BIG_OBJECT]))
        .exits(0)
        .says("ELF 64-bit MSB relocatable, eBPF");
}
