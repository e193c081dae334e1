//! The object as programs see it that are not ours.

use test_support::machine::llvm_objdump;

use crate::sandbox::{OBJECT, Project, run};

pub(crate) fn file_says_what_inspect_says(project: &Project) {
    project.build();
    let file = run(project.command("file").args(["--brief", OBJECT])).exits(0);
    let words = file.stdout.trim();
    assert!(
        words.starts_with("ELF 64-bit LSB relocatable, eBPF, version 1"),
        "{words}"
    );
    let inspected = run(&mut project.ebpf(&["inspect", OBJECT])).exits(0);
    let header = inspected.stdout.lines().nth(1).unwrap_or_default().trim();
    assert_eq!(words, header);
}

pub(crate) fn objdump_shows_rust_source(project: &Project) {
    project.build();
    run(project
        .command(llvm_objdump().unwrap())
        .args(["-S", OBJECT]))
    .exits(0)
    .says("file format elf64-bpf")
    .says("unsafe { *packets += 1 };")
    .says("exit");
}

pub(crate) fn bpftool_accepts_the_object(project: &Project) {
    project.build();
    run(&mut project.ebpf(&["verify", "--bpftool", OBJECT]))
        .exits(0)
        .says("bpftool");
}
