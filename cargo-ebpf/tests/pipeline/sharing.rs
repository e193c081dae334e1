//! The eBPF crates of a project share what they are compiled from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::sandbox::{PROGRAM, Project, run};

const SHARED: &str = "target/ebpf-build";

pub(crate) fn several_crates_compile_core_once(project: &Project) {
    let text = |path: &str| fs::read_to_string(project.path(path)).unwrap();
    for (name, objects) in [("second-ebpf", "second"), ("third-ebpf", "third")] {
        let manifest = text("probe-ebpf/Cargo.toml")
            .replace("probe-ebpf", name)
            .replace("\"probe\"", &format!("\"{objects}\""));
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/main.rs"), &text(PROGRAM));
        let lock = text("probe-ebpf/Cargo.lock").replace("probe-ebpf", name);
        project.write(&format!("{name}/Cargo.lock"), &lock);
    }
    // One of them without a config: its flags are the same.
    let config = ".cargo/config.toml";
    let text = text(&format!("probe-ebpf/{config}"));
    project.write(&format!("second-ebpf/{config}"), &text);

    let built = run(&mut project.ebpf(&["build"]));
    let ran = run(&mut project.ebpf(&["run"]));
    let shared = cores(&project.path(SHARED));
    let own: Vec<_> = ["second-ebpf", "third-ebpf"]
        .iter()
        .flat_map(|name| cores(&project.path(name)))
        .collect();
    let objects = project.objects();
    // Before anything fails: the project is for other tests, too.
    for gone in ["second-ebpf", "third-ebpf", SHARED] {
        fs::remove_dir_all(project.path(gone)).unwrap();
    }
    for gone in ["second", "third"] {
        fs::remove_file(project.path("target/ebpf").join(gone)).unwrap();
    }

    built.exits(0);
    // The loader's build script uses the results as well.
    ran.says("accepts 3 programs\n")
        .keeps_silent("Compiling core");
    assert_eq!(objects, ["probe", "second", "third"]);
    assert!(own.is_empty(), "{own:?}");
    assert_eq!(shared.len(), 1, "{shared:?}");
}

/// The compiled core libraries in a directory.
fn cores(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let core = name.starts_with("libcore-") && name.ends_with(".rlib");
            if path.is_dir() {
                cores(&path)
            } else {
                Vec::from_iter(core.then_some(path.clone()))
            }
        })
        .collect()
}
