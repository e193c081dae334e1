//! What is built of a project: crates, binaries and features, by cargo's own options.

use std::fs;

use crate::sandbox::{PROGRAM, Project, run};

pub(crate) fn binaries_and_features_are_selected(project: &Project) {
    project.build();
    let default = project.object();
    project.edit(
        "probe-ebpf/Cargo.toml",
        "[workspace]",
        "[features]\ntwice = []\n\n[workspace]",
    );
    project.edit(
        PROGRAM,
        "+= 1",
        "+= if cfg!(feature = \"twice\") { 2 } else { 1 }",
    );
    let other = project.path("probe-ebpf/src/bin/other.rs");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::copy(project.path(PROGRAM), &other).unwrap();
    let build = |arguments: &[&str]| run(project.ebpf(&["build"]).args(arguments));

    let selected = build(&["-p", "probe-ebpf", "--bin", "probe", "--features", "twice"]);
    let objects = project.objects();
    let twice = project.object();
    let verified = run(&mut project.ebpf(&["verify", "--bin", "other"]));
    let binary = build(&["--bin", "third"]);
    let package = build(&["--package", "probe"]);
    let feature = build(&["--bin", "probe", "-F", "thrice"]);
    // Before anything fails: the project is for other tests, too.
    fs::remove_dir_all(other.parent().unwrap()).unwrap();
    fs::remove_file(project.path("target/ebpf/other")).ok();

    selected.exits(0);
    assert_eq!(objects, ["probe"]);
    assert!(twice != default, "the feature changes the object");
    // Without rights it is built, too.
    verified
        .says("target/ebpf/other")
        .keeps_silent("target/ebpf/probe");
    binary.refuses("bin-unknown", "third").says("other, probe");
    package
        .refuses("package-unknown", "probe")
        .says("fix: select one of: probe-ebpf");
    feature.exits(1).says("thrice");
}
