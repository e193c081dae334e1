//! Real input: objects that nobody here wrote, and a project with every kind of Aya
//! program, inspected, and given to every kernel that there is here. All of them at
//! once, as each kernel is booted once then.

#[path = "../kernels_at_hand/mod.rs"]
mod kernels_at_hand;

mod aya;
mod packages;
mod verdicts;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;

use crate::{aya::MACROS, kernels_at_hand::Kernels, packages::PACKAGES};

/// A result, or the reason why there is none here.
type Given<T> = Result<T, String>;

fn main() {
    let mut arguments = Arguments::from_args();
    // They share what was fetched and built, and the machine.
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    for (number, package) in PACKAGES.iter().enumerate() {
        trials.push(trial(package.name, "inspected", number, inspected));
        trials.push(trial(package.name, "verified", number, verified));
    }
    let generated = PACKAGES.len();
    trials.push(trial(
        "every_aya_type",
        "is_built_whole",
        generated,
        built_whole,
    ));
    trials.push(trial("every_aya_type", "inspected", generated, inspected));
    trials.push(trial("every_aya_type", "verified", generated, verified));
    libtest_mimic::run(&arguments, trials).exit();
}

/// A test of the objects of one source. Where they cannot be had, or no kernel can be
/// asked, it is ignored with the reason.
fn trial(
    group: &str,
    name: &str,
    source: usize,
    test: fn(&[PathBuf]) -> Given<Result<(), Failed>>,
) -> Trial {
    Trial::ignorable_test(format!("{group}::{name}"), move || {
        let objects = SOURCES[source].as_ref().map_err(Clone::clone);
        match objects.and_then(|objects| test(objects)) {
            Ok(result) => result.map(|()| Completion::Completed),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        }
    })
}

/// The objects of each package, then those of the generated project: fetched and built
/// when the first test asks.
static SOURCES: LazyLock<Vec<Given<Vec<PathBuf>>>> = LazyLock::new(|| {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-objects");
    let objects = work.join("objects");
    let made = fs::create_dir_all(&objects).map_err(|error| error.to_string());
    let packages = PACKAGES.iter().map(|package| {
        made.clone()?;
        package.objects(&work, &objects)
    });
    let mut sources: Vec<_> = packages.collect();
    sources.push(build(&work.join("every-type")));
    sources
});

/// What every kernel at hand says to all of them.
static VERIFIED: LazyLock<Given<Value>> = LazyLock::new(|| {
    let kernels = Kernels::at_hand()?;
    let output = ebpf()
        .args(["verify", "--format", "json", "--kernel", &kernels.list()])
        .args(SOURCES.iter().flatten().flatten())
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
});

/// `cargo-ebpf`, outside of any project and of the cargo that runs this.
fn ebpf() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_this_build = text.starts_with("CARGO_")
            && ![
                "CARGO_HOME",
                "CARGO_HTTP_",
                "CARGO_NET_",
                "CARGO_REGISTR",
                "CARGO_SOURCE_",
            ]
            .iter()
            .any(|kept| text.starts_with(kept));
        if of_this_build || text.starts_with("RUST") && !text.starts_with("RUSTUP_HOME") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

/// Writes the project with every kind of program, and builds it.
fn build(project: &Path) -> Given<Vec<PathBuf>> {
    let write = |path: &str, text: &str| {
        let path = project.join(path);
        // One that is right already keeps its time: nothing is built for it.
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(project.join("src")).map_err(|error| error.to_string())?;
    // The versions that this repository is known to build with.
    write("Cargo.lock", include_str!("../../../lock-ebpf/Cargo.lock"))?;
    write("Cargo.toml", &aya::manifest())?;
    for this in MACROS {
        write(&format!("src/{}.rs", this.name), &aya::source(this))?;
    }
    let json =
        |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
    let run = |arguments: &[&str]| {
        let output = ebpf().current_dir(project).args(arguments).output();
        output.map_err(|error| error.to_string())
    };
    let tools = json(&run(&["env", "--format", "json"])?);
    if let Some(message) = tools["error"]["message"].as_str() {
        return Err(format!("no toolchain: {message}"));
    }
    let output = run(&["build"])?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let objects = MACROS
        .iter()
        .map(|this| project.join("target/ebpf").join(this.name));
    Ok(objects.collect())
}

/// Every macro's object has just the programs that were written.
fn built_whole(objects: &[PathBuf]) -> Given<Result<(), Failed>> {
    Ok(MACROS.iter().zip(objects).try_for_each(|(this, object)| {
        let mut expected: Vec<_> = this.uses.iter().map(|(_, program)| *program).collect();
        expected.sort_unstable();
        let document = inspect(object)?;
        let programs = document["programs"].as_array().into_iter().flatten();
        let mut seen: Vec<_> = programs
            .filter_map(|program| program["name"].as_str())
            .collect();
        seen.sort_unstable();
        if seen == expected {
            Ok(())
        } else {
            Err(format!("{}: {seen:?} in place of {expected:?}", this.name).into())
        }
    }))
}

/// `inspect` reads each whole: every program with its code, and nothing that is wrong.
fn inspected(objects: &[PathBuf]) -> Given<Result<(), Failed>> {
    Ok(objects.iter().try_for_each(|object| {
        let document = inspect(object)?;
        let programs = document["programs"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let is_whole = |program: &Value| program["instructions"].as_u64().unwrap_or(0) > 0;
        if programs.is_empty() || !programs.iter().all(is_whole) {
            return Err(format!("{}: {document:#}", object.display()).into());
        }
        Ok(())
    }))
}

fn inspect(object: &Path) -> Result<Value, Failed> {
    let output = ebpf()
        .args(["inspect", "--format", "json"])
        .arg(object)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {said}", object.display()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Every kernel says of every program what is expected.
fn verified(objects: &[PathBuf]) -> Given<Result<(), Failed>> {
    let document = VERIFIED.as_ref().map_err(Clone::clone)?;
    let mut surprises = Vec::new();
    let asked = Kernels::at_hand()?.list();
    if document["kernels"].as_array().map(Vec::len) != Some(asked.split(',').count()) {
        surprises.push(format!(
            "not all of {asked} answered: {}",
            document["error"]
        ));
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for kernel in list(&document["kernels"]) {
        let label = kernel["kernel"].as_str().unwrap_or_default();
        for finding in list(&kernel["findings"]) {
            surprises.push(format!("{label}: {finding:#}"));
        }
        for path in objects {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let all = list(&kernel["objects"]);
            let object = all
                .iter()
                .find(|object| object["object"].as_str() == path.to_str());
            let programs = object
                .map(|object| list(&object["programs"]))
                .unwrap_or_default();
            let findings = object
                .map(|object| list(&object["findings"]))
                .unwrap_or_default();
            surprises.extend(verdicts::surprises(&name, &findings, label));
            if programs.is_empty() {
                surprises.push(format!("{label}: {name}: no programs: {object:#?}"));
            }
            surprises.extend(
                programs
                    .iter()
                    .filter_map(|program| verdicts::surprise(&name, program, label)),
            );
        }
    }
    Ok(if surprises.is_empty() {
        Ok(())
    } else {
        Err(surprises.join("\n").into())
    })
}
