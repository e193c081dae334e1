//! What eBPF does not have, and Rust programs use: each program in `failures/` is built, and its
//! findings have the code, the line and the fix, in each format.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use test_support::Marks;

use crate::sandbox::{Project, Ran, run};

/// The programs of one build.
struct Programs {
    /// Their names, with the line that is marked in each, and its code.
    marked: Vec<(String, String, u32)>,
    arguments: Vec<String>,
}

fn sources() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pipeline/failures");
    let entries = fs::read_dir(directory).unwrap();
    let mut sources: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    sources
}

/// Copies the programs into the project.
fn programs(project: &Project) -> Programs {
    let mut programs = Programs {
        marked: Vec::new(),
        arguments: Vec::new(),
    };
    for source in sources() {
        let text = fs::read_to_string(&source).unwrap();
        let name = source.file_stem().unwrap().to_str().unwrap();
        let marks = Marks::of(&text);
        let [(code, line)] = marks.errors() else {
            panic!("{name}: one mark is needed");
        };
        project.write(&format!("probe-ebpf/src/bin/{name}.rs"), &text);
        programs.arguments.push(format!("--bin={name}"));
        programs.marked.push((name.to_owned(), code.clone(), *line));
    }
    programs
}

fn build(project: &Project, programs: &Programs, format: &str) -> Ran {
    let arguments = ["build", "--format", format].into_iter();
    let own = programs.arguments.iter().map(String::as_str);
    run(&mut project.ebpf(&arguments.chain(own).collect::<Vec<_>>())).exits(1)
}

/// All findings of a document, of objects that are there, too.
fn findings(document: &Value) -> Vec<&Value> {
    let objects = document["objects"].as_array().into_iter().flatten();
    objects
        .map(|object| &object["warnings"])
        .chain([&document["failed"], &document["details"]])
        .filter_map(Value::as_array)
        .flatten()
        .collect()
}

fn check(project: &Project, programs: &Programs) {
    let json = build(project, programs, "json");
    let human = build(project, programs, "human");
    let github = build(project, programs, "github");
    let document = json.json();
    let findings = findings(&document);
    for (name, code, line) in &programs.marked {
        let file = format!("probe-ebpf/src/bin/{name}.rs");
        let is_it = |finding: &&&Value| {
            finding["code"] == code.as_str()
                && finding["place"]["file"]
                    .as_str()
                    .is_some_and(|at| at.ends_with(&file))
        };
        let found = findings.iter().find(is_it);
        let found = found.unwrap_or_else(|| panic!("{name}: no {code} in {document:#}"));
        assert_eq!(found["place"]["line"], *line, "{found:#}");
        assert!(found["fix"].is_string(), "{found:#}");
        // rustc's own rendering has other words.
        let shown = format!("{file}:{line}");
        assert!(human.stderr.contains(&shown), "{shown} in {}", human.stderr);
        assert!(human.stderr.contains(&format!("[{code}]: ")), "{code}");
        let annotation = github.stdout.lines().find(|annotation| {
            annotation.contains(&format!("title={code},"))
                && annotation.contains(&format!("{file},line={line}::"))
                && annotation.contains("%0Afix: ")
        });
        assert!(annotation.is_some(), "{name}: {}", github.stdout);
    }
}

pub(crate) fn what_ebpf_does_not_have_is_at_its_line(project: &Project) {
    let programs = programs(project);
    let result = std::panic::catch_unwind(|| check(project, &programs));
    // Before the test fails: the project is for other tests, too.
    fs::remove_dir_all(project.path("probe-ebpf/src/bin")).unwrap();
    for (name, _, _) in &programs.marked {
        // Of those with warnings only there are objects.
        fs::remove_file(project.path(&format!("target/ebpf/{name}"))).ok();
    }
    if let Err(failure) = result {
        std::panic::resume_unwind(failure);
    }
}
