//! Real input: objects that nobody here wrote, and a project with every kind of Aya
//! program, inspected, and given to every kernel that there is here. All of them at
//! once, as each kernel is booted once then.

mod aya;
mod packages;
mod verdicts;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
};

use serde_json::Value;
use test_support::{Failed, Outcome, Suite, machine};

use crate::{aya::MACROS, packages::PACKAGES};

/// A result, or why there is none: what went wrong, or what is lacking here.
type Given<T> = Result<T, Failed>;

fn main() -> ExitCode {
    // They share what was fetched and built, and the machine.
    let mut suite = Suite::new().one_at_a_time();
    for (number, package) in PACKAGES.iter().enumerate() {
        suite = add(suite, package.name, "inspected", number, inspected);
        suite = add(suite, package.name, "verified", number, verified);
    }
    let (group, generated) = ("every_aya_type", PACKAGES.len());
    suite = add(suite, group, "is_built_whole", generated, built_whole);
    suite = add(suite, group, "inspected", generated, inspected);
    add(suite, group, "verified", generated, verified).run()
}

/// Adds a test of the objects of one source.
fn add(
    suite: Suite,
    group: &str,
    name: &str,
    source: usize,
    test: fn(&[PathBuf]) -> Outcome,
) -> Suite {
    suite.test(format!("{group}::{name}"), &[], move || {
        let objects = SOURCES[source].as_ref().map_err(Clone::clone)?;
        test(objects)
    })
}

/// The objects of each package, then those of the generated project: fetched and built
/// when the first test asks.
static SOURCES: LazyLock<Vec<Given<Vec<PathBuf>>>> = LazyLock::new(|| {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-objects");
    let objects = work.join("objects");
    let made = fs::create_dir_all(&objects).map_err(Failed::from);
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
    let kernels = machine::kernels()?.join(",");
    let output = ebpf()
        .args(["verify", "--format", "json", "--kernel", &kernels])
        .args(SOURCES.iter().flatten().flatten())
        .output()?;
    test_support::document(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!(
            "verify --kernel {kernels}: {}: {error}: {said}",
            output.status
        )
        .into()
    })
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
    machine::TOOLCHAIN.met()?;
    let write = |path: &str, text: &str| {
        let path = project.join(path);
        // One that is right already keeps its time: nothing is built for it.
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(project.join("src"))?;
    // The versions that this repository is known to build with.
    write("Cargo.lock", include_str!("../../../lock-ebpf/Cargo.lock"))?;
    write("Cargo.toml", &aya::manifest())?;
    for this in MACROS {
        write(&format!("src/{}.rs", this.name), &aya::source(this))?;
    }
    let output = ebpf().current_dir(project).arg("build").output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let objects = MACROS
        .iter()
        .map(|this| project.join("target/ebpf").join(this.name));
    Ok(objects.collect())
}

/// Every macro's object has just the programs that were written.
fn built_whole(objects: &[PathBuf]) -> Outcome {
    MACROS.iter().zip(objects).try_for_each(|(this, object)| {
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
    })
}

/// `inspect` reads each whole: every program with its code, and nothing that is wrong.
fn inspected(objects: &[PathBuf]) -> Outcome {
    objects.iter().try_for_each(|object| {
        let document = inspect(object)?;
        let programs = document["programs"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let is_whole = |program: &Value| program["instructions"].as_u64().unwrap_or(0) > 0;
        if programs.is_empty() || !programs.iter().all(is_whole) {
            return Err(format!("{}: {document:#}", object.display()).into());
        }
        Ok(())
    })
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
    Ok(test_support::document(&output.stdout)?)
}

/// Every kernel says of every program what is expected.
fn verified(objects: &[PathBuf]) -> Outcome {
    let document = VERIFIED.as_ref().map_err(Clone::clone)?;
    let mut surprises = Vec::new();
    let asked = machine::kernels()?.join(",");
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
    if surprises.is_empty() {
        Ok(())
    } else {
        Err(surprises.join("\n").into())
    }
}
