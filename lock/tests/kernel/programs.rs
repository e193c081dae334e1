//! What is said of real programs: the hot lock is in the first row, and locks of the kernel
//! are called what they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use test_support::{
    Outcome, Test,
    machine::{CGROUP, PROGRAMS_32_BIT, PYTHON, cgroup_mount},
    skip, tests,
};

use crate::{
    expect::{expect, expect_code, number},
    process::{lock, report},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    the_gil_is_first_in_python: [PYTHON],
    the_gil_is_first_in_the_distributions_python: [PYTHON],
    a_percpu_rwsem_is_called_so: [CGROUP],
    waits_of_a_32_bit_program_are_said_to_be_unmeasured: [PROGRAMS_32_BIT],
];

/// Its system calls have other numbers, and its stacks other words.
fn waits_of_a_32_bit_program_are_said_to_be_unmeasured() -> Outcome {
    let directory = tempfile::tempdir()?;
    let program = directory.path().join("waits");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/waits_32_bit.c");
    let built = std::process::Command::new("cc")
        .args(["-m32", "-nostdlib", "-static", "-fno-pie", "-no-pie"])
        .args(["-fno-stack-protector", "-o"])
        .args([&program, Path::new(source)])
        .output()?;
    expect_code(&built, 0)?;
    // On a busy machine, the kernel waits for a lock of its own while it starts the program.
    let record = ["record", "--type", "user", "--"];
    let output = lock(&record).arg(&program).output()?;
    expect_code(&output, 0)?;
    let text = String::from_utf8(output.stdout)?;
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default();
    expect(
        heading.starts_with("No measured wait for a lock in"),
        || text.clone(),
    )?;
    expect(
        lines.next() == Some("Not measured: 7 futex waits of 32-bit programs."),
        || text.clone(),
    )
}

fn the_gil_is_first_in_python() -> Outcome {
    gil("python3")
}

fn the_gil_is_first_in_the_distributions_python() -> Outcome {
    gil("/usr/bin/python3")
}

/// Three threads that compute, and one that has to answer: the GIL is what they wait for.
fn gil(python: &str) -> Outcome {
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/examples/python-gil.py"
    );
    let version = std::process::Command::new(python)
        .args(["-c", "import sys; print(sys.version_info[:2] >= (3, 13))"])
        .output()
        .map_err(|error| skip("python3", format!("{python} cannot be run: {error}")))?;
    if version.stdout.starts_with(b"True") {
        return Err(skip("python3", format!("{python} is newer than 3.12")));
    }
    let folder = tempfile::tempdir()?;
    let recording: &Path = &folder.path().join("gil.lock");
    let output = lock(&["record", "--output"])
        .arg(recording)
        .args(["--", python, program, "2"])
        .output()?;
    expect_code(&output, 0)?;
    let report = report(recording)?;
    let first = report.pointer("/ranking/rows/0").ok_or("no row")?;
    let label = first["label"].as_str().unwrap_or_default();
    expect(label.starts_with("GIL ("), || format!("{first:#}"))?;
    // Three threads at a time wait, nearly all of the time. Waits that time out are in it.
    let total = first.pointer("/figures/total_ns").or(first.get("total_ns"));
    let total = total.and_then(Value::as_u64).unwrap_or(0);
    expect(total > 3_000_000_000, || format!("{first:#}"))?;
    Ok(())
}

/// A cgroup of the test, which ends with it.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(mount: &Path, name: &str) -> std::io::Result<Self> {
        let folder = mount.join(format!("lock-test-{}-{name}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Processes start all the time, which reads the kernel's `cgroup_threadgroup_rwsem`, and one
/// is moved to and fro between two cgroups, which writes it.
fn a_percpu_rwsem_is_called_so() -> Outcome {
    const SCRIPT: &str = "
        sleep 60 & moved=$!
        timeout 2 sh -c \"while :; do echo $moved >$1/cgroup.procs; echo $moved >$2/cgroup.procs; done\" &
        timeout 2 sh -c 'while :; do /bin/true; done' &
        timeout 2 sh -c 'while :; do /bin/true; done'
        kill $moved
        wait
        true";
    let mount = &cgroup_mount().ok_or("no cgroup2 is mounted")?;
    let (a, b) = (Cgroup::new(mount, "a")?, Cgroup::new(mount, "b")?);
    let folder = tempfile::tempdir()?;
    let recording: &Path = &folder.path().join("run.lock");
    let output = lock(&["record", "--output"])
        .arg(recording)
        .args(["--", "sh", "-c", SCRIPT, "sh"])
        .args([&a.0, &b.0])
        .output()?;
    expect_code(&output, 0)?;
    let report = report(recording)?;
    let mut waits = 0;
    for lock in report["locks"].as_array().ok_or("no locks")? {
        if lock["type"]
            .as_str()
            .is_some_and(|it| it.starts_with("percpu-rwsem:"))
        {
            waits += number(lock, "/waits/count")?;
        }
    }
    expect(waits > 0, || {
        format!("no percpu-rwsem: {:#}", report["locks"])
    })?;
    Ok(())
}
