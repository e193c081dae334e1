//! Linkers that do not fit, first on PATH or damaged in the cache.

use std::{fs, path::Path};

use crate::sandbox::{Project, Ran, path_with, run, script, tools};

/// What a linker does, and the code that `doctor` has for it.
fn misfits() -> [(&'static str, String, &'static str); 4] {
    let linker = tools().unwrap().linker.display();
    [
        ("crashes", "kill -SEGV $$".to_owned(), "linker-crashed"),
        (
            "has an older LLVM",
            "echo 'llvm: Invalid record' >&2\nexit 1".to_owned(),
            "linker-mismatch",
        ),
        ("writes nothing", "exit 0".to_owned(), "linker-drops-btf"),
        (
            "makes no BTF",
            format!(
                "for word; do shift; [ \"$word\" = --btf ] || set -- \"$@\" \"$word\"; done\n\
                 exec '{linker}' \"$@\""
            ),
            "linker-drops-btf",
        ),
    ]
}

pub(crate) fn a_linker_that_does_not_fit_is_passed_over(project: &Project) {
    project.build();
    for (what, does, code) in misfits() {
        let folder = tempfile::tempdir().unwrap();
        let misfit = folder.path().join("bpf-linker");
        script(&misfit, &does);
        let here = |arguments: &[&str]| {
            let mut command = project.ebpf(arguments);
            command.env("PATH", path_with(folder.path()));
            command
        };
        let doctor = run(&mut here(&["doctor", "--format", "json"])).exits(0);
        let finding = toolchain_finding(&doctor, code).expect(what);
        assert_eq!(finding["severity"], "warning", "{what}");
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains(misfit.to_str().unwrap()), "{message}");
        // The one that setup has made takes its place.
        run(&mut here(&["build"])).exits(0).compiles_nothing();

        let empty = tempfile::tempdir().unwrap();
        let mut build = here(&["build"]);
        run(build.env("XDG_CACHE_HOME", empty.path()))
            .refuses("linker-missing", "no bpf-linker for the LLVM")
            .says(&format!("cause: {message}"))
            .says("fix: cargo ebpf setup");
    }
}

fn toolchain_finding(doctor: &Ran, code: &str) -> Option<serde_json::Value> {
    let document = doctor.json();
    let groups = document["groups"].as_array().unwrap();
    let toolchain = groups.iter().find(|group| group["group"] == "toolchain");
    let findings = toolchain.unwrap()["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|finding| finding["code"] == code)
        .cloned()
}

pub(crate) fn a_half_written_linker_is_not_used(project: &Project) {
    let whole = fs::read(&tools().unwrap().linker).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let entry = cached_at(cache.path());
    // An interrupted build's never is an entry, whole or not.
    let building = cache
        .path()
        .join("cargo-ebpf/building/x/root/bin/bpf-linker");
    fs::create_dir_all(building.parent().unwrap()).unwrap();
    fs::copy(&tools().unwrap().linker, &building).unwrap();
    // Most of the file is debug information: half of it does link.
    for half in [&whole[..1 << 20], b""] {
        script(&entry, "");
        fs::write(&entry, half).unwrap();
        let mut build = project.ebpf(&["build"]);
        run(build.env("XDG_CACHE_HOME", cache.path()))
            .refuses("linker-missing", "no bpf-linker for the LLVM")
            .says(entry.to_str().unwrap());
    }
}

/// Where the linker of this machine's toolchain would be in another cache.
pub(crate) fn cached_at(cache: &Path) -> std::path::PathBuf {
    let entry = tools().unwrap().linker.ancestors().nth(2).unwrap();
    cache
        .join("cargo-ebpf/linkers")
        .join(entry.file_name().unwrap())
        .join("bin/bpf-linker")
}
