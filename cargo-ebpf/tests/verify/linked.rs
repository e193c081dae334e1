//! Objects of libbpf's, with what they leave to the kernel (`tests/linking`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::folder::{Checked, Folder, ensure};

/// Objects in `tests/linking/objects`, with the verdict of each program on every kernel, and
/// a part of the cause.
#[rustfmt::skip]
const LINKED: &[(&str, &str, &str)] = &[
    ("core", "accepted", ""),
    ("core_absent", "refused", "(CO-RE)"),
    ("elsewhere", "not-linked", "the section `elsewhere`, for which loaders create no map"),
    ("maps", "accepted", ""),
    ("missing_function", "not-linked", "does not contain the function `no_such_function`"),
    // libbpf adds no license where there is none.
    ("no_license", "refused", "GPL"),
    ("replaced", "accepted", ""),
    ("ring", "accepted", ""),
    ("setting_and_lock", "refused", "bpf_spin_lock cannot be accessed"),
    ("settings", "accepted", ""),
    ("strong_setting", "not-linked", "`CONFIG_NO_SUCH_SETTING`"),
    ("symbols", "accepted", ""),
    ("undeclared_function", "not-linked", "nor declared in its BTF"),
    ("variable_lock", "refused", "bpf_spin_lock cannot be accessed"),
    ("variables", "accepted", ""),
];

fn linked(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/linking/objects/{name}.o"))
}

pub(crate) fn links_what_libbpf_links(folder: &Folder) -> Checked {
    let mut command = folder.command();
    command.args(["--format", "json"]);
    command.args(LINKED.iter().map(|(name, ..)| linked(name)));
    let document = test_support::document(&command.output()?.stdout)?;
    let objects = &document["kernels"][0]["objects"];
    for (number, (name, verdict, cause)) in LINKED.iter().enumerate() {
        // A verdict without the object's types is not one on the object.
        let findings = &objects[number]["findings"];
        ensure(
            !findings.to_string().contains("btf-refused"),
            name,
            findings,
        )?;
        let programs = objects[number]["programs"].as_array();
        let programs = programs
            .filter(|programs| !programs.is_empty())
            .ok_or(*name)?;
        for program in programs {
            let fits = program["verdict"] == *verdict && program["why"].to_string().contains(cause);
            ensure(fits, name, program)?;
        }
    }
    Ok(())
}

/// A program is verified with what its loader would set.
pub(crate) fn verifies_what_the_loader_sets(folder: &Folder) -> Checked {
    for (set, verdict) in [("limit=3", "accepted"), ("limit=5", "refused")] {
        let mut command = folder.command();
        command.args(["--format", "json", "--set", set]);
        command.arg(linked("variables"));
        let document = test_support::document(&command.output()?.stdout)?;
        let programs = &document["kernels"][0]["objects"][0]["programs"];
        let mut programs = programs.as_array().ok_or(set)?.iter();
        let reads = programs.find(|program| program["name"] == "reads");
        let reads = reads.ok_or(set)?;
        ensure(reads["verdict"] == verdict, set, reads)?;
    }
    for (arguments, error) in [
        (["--set", "limit"], "it has no `=`"),
        (["--set", "limit=many"], "is not an integer"),
        (
            ["--set", "number=1"],
            "error[name-unknown]: no object defines the global variable number",
        ),
        (
            ["--map-size", "EVENTS=4"],
            "error[name-unknown]: no object defines the map EVENTS",
        ),
    ] {
        let output = folder
            .command()
            .args(arguments)
            .arg(linked("variables"))
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure(
            !output.status.success() && text.contains(error),
            error,
            &text,
        )?;
    }
    Ok(())
}

/// Each object is accepted as a whole by libbpf just if every program of it is here.
pub(crate) fn linked_objects_agree_with_bpftool(folder: &Folder) -> Checked {
    let sources = fs::read_dir(linked("core").parent().ok_or("no parent")?)?;
    let mut paths: Vec<_> = sources
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut command = folder.command();
    command.args(["--bpftool", "--format", "json"]).args(&paths);
    let document = test_support::document(&command.output()?.stdout)?;
    let objects = document["kernels"][0]["objects"]
        .as_array()
        .ok_or("no objects")?;
    ensure(objects.len() >= LINKED.len(), "objects", &paths)?;
    for object in objects {
        let programs = object["programs"].as_array().ok_or("no programs")?;
        let accepted = programs
            .iter()
            .all(|program| program["verdict"] == "accepted");
        let libbpf = &object["bpftool"];
        let said = libbpf["said"].as_str().unwrap_or_default();
        // What this command does and libbpf alone does not: it sizes maps. Releases of libbpf
        // before 1.4 do not know arenas.
        let ours =
            object["findings"][0]["code"] == "map-size-assumed" || said.contains(".addr_space.1");
        ensure(libbpf["accepted"] == accepted || ours, "libbpf", object)?;
    }
    Ok(())
}

/// `freplace/` without the program that has the function, with it, and with one of several.
pub(crate) fn replaces_a_function_of_another_program(folder: &Folder) -> Checked {
    let of = |object: &str, program: &str| format!("{}{program}", linked(object).display());
    let verdicts =
        |program: Option<String>| -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
            let mut command = folder.command();
            command
                .args(["--format", "json"])
                .arg(linked("replacement"));
            if let Some(program) = program {
                command.args(["--freplace", &program]);
            }
            let document = test_support::document(&command.output()?.stdout)?;
            let programs = &document["kernels"][0]["objects"][0]["programs"];
            let programs = programs.as_array().ok_or("no programs")?.iter();
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            Ok(programs
                .map(|one| {
                    let why = ["message", "fix"].map(|key| text(&one["why"][key]));
                    (text(&one["verdict"]), why.join("; "))
                })
                .collect())
        };
    let without = verdicts(None)?;
    ensure(
        without
            .iter()
            .all(|(verdict, why)| verdict == "not-tried" && why.contains("--freplace")),
        "without",
        &without,
    )?;
    let with = verdicts(Some(of("replaced", ":filter")))?;
    let both = [&*with[0].0, &*with[1].0];
    // A kernel without BPF trampolines takes no such programs at all.
    let fits = (both == ["accepted", "refused"] || both == ["unsupported", "unsupported"])
        && with[2].0 == "not-tried"
        && with[2].1.contains("`no_such_function`");
    ensure(fits, "with", &with)?;
    let unnamed = verdicts(Some(of("replaced", "")))?;
    let names = unnamed.iter().all(|(verdict, why)| {
        verdict == "not-tried" && (why.contains("filter, pass") || why.contains("no_such_function"))
    });
    ensure(names, "one of several", &unnamed)?;
    let nested = verdicts(Some(of("replacement", ":fits")))?;
    let refused = nested.iter().all(|(verdict, why)| {
        verdict == "not-tried" && why.contains("is an freplace program itself")
    });
    ensure(refused, "one that replaces itself", &nested)
}

/// A loader's own rules: libbpf reads no legacy maps and adds no license, Aya does both, and
/// leaves what the kernel has to provide.
pub(crate) fn each_loader_has_its_rules(folder: &Folder) -> Checked {
    let legacy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/aya-legacy.o");
    for (object, loader, verdict, cause) in [
        (
            &legacy,
            "libbpf",
            "not-linked",
            "maps that are defined without BTF",
        ),
        (&legacy, "aya", "accepted", ""),
        (&linked("no_license"), "libbpf", "refused", "GPL"),
        (&linked("no_license"), "aya", "accepted", ""),
        (
            &linked("settings"),
            "aya",
            "not-linked",
            "which Aya 0.14 does not support",
        ),
        (&linked("settings"), "libbpf", "accepted", ""),
    ] {
        let output = folder
            .command()
            .args(["--format", "json", "--loader", loader])
            .arg(object)
            .output()?;
        let document = test_support::document(&output.stdout)?;
        let found = &document["kernels"][0]["objects"][0];
        let programs = found["programs"].as_array().ok_or("no programs")?;
        let fits = found["loader"] == loader
            && programs.iter().any(|program| {
                program["verdict"] == verdict && program["why"].to_string().contains(cause)
            });
        ensure(fits, loader, found)?;
    }
    Ok(())
}
