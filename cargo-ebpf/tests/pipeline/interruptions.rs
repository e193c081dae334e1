//! Builds that are not alone, are broken off, or run out of space.

use std::fs;

use crate::{
    processes::{group, send, start, wait_for},
    sandbox::{OBJECT, PROGRAM, Project, finish, run},
};

pub(crate) fn two_builds_at_once_both_succeed(project: &Project) {
    project.build();
    project.edit(PROGRAM, "+= 1", "+= 4");
    let both = [0, 1].map(|_| project.ebpf(&["build"]).spawn().unwrap());
    for build in both {
        finish(build, "build").exits(0);
    }
    let found = ebpf_build::check(&project.object(), ebpf_build::Target::Little);
    assert_eq!(found, []);
    assert_eq!(project.objects(), ["probe"]);
}

/// Rustc computes this for longer than any test waits.
const ENDLESS: &str = "#![allow(long_running_const_eval)]\n\
    const ENDLESS: u64 = { let mut n = 0u64; while n < u64::MAX { n += 1 } n };\n";

pub(crate) fn an_interrupted_build_leaves_the_old_object(project: &Project) {
    project.build();
    let object = project.object();
    project.edit(PROGRAM, "+= 1", "+= ENDLESS");
    project.edit(PROGRAM, "#![no_main]\n", &format!("#![no_main]\n{ENDLESS}"));
    let build = start(&mut project.ebpf(&["build"]));
    let leader = build.id();
    let compiles = |line: &String| line.contains("--crate-name probe ");
    wait_for("compiler", || {
        group(leader).iter().any(compiles).then_some(())
    });
    send(libc::SIGINT, &build);
    let ran = finish(build, "build").exits(130);
    assert_eq!(ran.stderr.matches("interrupted: ").count(), 1);
    // rustc takes 0.1 s from the signal to its end.
    wait_for("end of the compilers", || {
        group(leader).is_empty().then_some(())
    });
    assert!(project.object() == object, "the object has changed");
    assert_eq!(project.objects(), ["probe"]);
}

pub(crate) fn a_disk_that_fills_leaves_the_old_object(project: &Project) {
    project.build();
    // Room for the old object, here of one byte, and for a page of the new one. The
    // disk is gone with its namespace, so it is looked at inside.
    let in_namespace = "mount -t tmpfs -o size=8k none target/ebpf || exit 3\n\
        printf o > target/ebpf/probe; \"$@\"; code=$?\n\
        [ \"$(ls -A target/ebpf)\" = probe ] && [ \"$(cat target/ebpf/probe)\" = o ] || exit 4\n\
        exit $code";
    let mut unshare = project.command("unshare");
    unshare
        .args(["--mount", "sh", "-c", in_namespace, "sh"])
        .args([env!("CARGO_BIN_EXE_cargo-ebpf"), "build"]);
    run(&mut unshare)
        .refuses("disk-full", OBJECT)
        .compiles_nothing();
    assert!(fs::metadata(project.path(OBJECT)).unwrap().len() > 8192);
}
