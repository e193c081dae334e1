//! The object as programs see it that are not ours.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

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
    run(project.command(objdump().unwrap()).args(["-S", OBJECT]))
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

/// Why there is no `program`.
pub(crate) fn lacks(program: &str) -> Option<String> {
    let found = folders()
        .into_iter()
        .any(|folder| folder.join(program).is_file());
    (!found).then(|| format!("there is no {program} on PATH"))
}

pub(crate) fn lacks_objdump() -> Option<String> {
    objdump()
        .is_none()
        .then(|| "there is no llvm-objdump on PATH".to_owned())
}

/// The newest: distributions add a version to its name.
fn objdump() -> Option<PathBuf> {
    let version = |path: &Path| -> Option<u32> {
        let name = path.file_name()?.to_str()?.strip_prefix("llvm-objdump")?;
        match name.strip_prefix('-') {
            Some(version) => version.parse().ok(),
            None => name.is_empty().then_some(0),
        }
    };
    let files = folders()
        .into_iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten();
    files
        .map(|entry| entry.path())
        .filter_map(|path| Some((version(&path)?, path)))
        .max()
        .map(|(_, path)| path)
}

fn folders() -> Vec<PathBuf> {
    env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect())
}
