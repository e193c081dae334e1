//! `ebpf.lock` of a small project, written and held.

use std::{fs, process::Output};

use serde_json::Value;
use test_support::Failed;

use crate::sandbox::{Sandbox, check, document, ended_with, object, text};

/// A project around a ready-made object: nothing is to be built.
struct Project {
    sandbox: Sandbox,
}

impl Project {
    fn new(manifest: &str) -> Result<Self, Failed> {
        let project = Self {
            sandbox: Sandbox::new(),
        };
        let package = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
        project.write("Cargo.toml", &format!("{package}\n[workspace]\n{manifest}"))?;
        fs::create_dir(project.sandbox.path("here/src"))?;
        project.write("src/lib.rs", "")?;
        fs::copy(
            object("verify/objects/tracing.o"),
            project.sandbox.path("here/probe.o"),
        )?;
        Ok(project)
    }

    /// With an `ebpf.lock` of the kernel that runs.
    fn locked(manifest: &str) -> Result<Self, Failed> {
        let project = Self::new(manifest)?;
        let output = project.verify(&["--update"]);
        check(output.status.success(), "it is written", &output)?;
        Ok(project)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Failed> {
        Ok(fs::write(self.sandbox.path("here").join(name), content)?)
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.sandbox.path("here/ebpf.lock")).unwrap_or_default()
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        self.sandbox
            .run([&["verify", "probe.o"], arguments].concat())
    }

    /// Makes the file say that a figure of the first program that has it was another.
    fn commit(&self, figure: &str, change: impl Fn(u64) -> u64) -> Result<(u64, u64), Failed> {
        let lock = self.lock();
        let name = format!("{figure} = ");
        let (before, rest) = lock
            .split_once(&name)
            .ok_or(format!("no {figure}: {lock}"))?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        let now: u64 = number.parse()?;
        let committed = change(now);
        self.write("ebpf.lock", &format!("{before}{name}{committed}{rest}"))?;
        Ok((committed, now))
    }
}

pub(crate) fn what_is_written_holds() -> Result<(), Failed> {
    let project = Project::new("")?;
    let output = project.verify(&["--update"]);
    check(output.status.success(), "written", &output)?;
    let shown = text(&output.stdout);
    check(
        shown.contains("ebpf.lock was written: no verdict has changed"),
        "a first one",
        &output,
    )?;
    let lock = project.lock();
    check(lock.contains("\nversion = 1\n"), "a version", &output)?;
    check(
        lock.contains("[objects.\"probe.o\".programs."),
        "programs",
        &output,
    )?;
    check(
        lock.contains("host = { verdict = \"accepted\""),
        "verdicts",
        &output,
    )?;

    let output = project.verify(&["--locked"]);
    check(output.status.success(), "it holds", &output)?;
    check(
        text(&output.stdout).contains(" and their numbers match ebpf.lock"),
        "and says so",
        &output,
    )?;
    let output = project.verify(&["--update"]);
    check(
        output.status.success() && project.lock() == lock,
        "the same again",
        &output,
    )
}

pub(crate) fn growth_fails_worst_first() -> Result<(), Failed> {
    let project = Project::locked("")?;
    let whole = project.lock();
    // A little more is let pass.
    let (before, now) = project.commit("insns", |now| now - now * 4 / 100)?;
    let output = project.verify(&["--locked"]);
    check(
        output.status.success(),
        &format!("{before} to {now}"),
        &output,
    )?;

    project.write("ebpf.lock", &whole)?;
    let (jit_before, jit_now) = project.commit("jit", |now| now - now / 10)?;
    let (before, now) = project.commit("insns", |now| now / 2)?;
    let output = project.verify(&["--locked"]);
    check(output.status.code() == Some(1), "growth fails", &output)?;
    let shown = text(&output.stdout);
    let rows: Vec<Vec<&str>> = shown
        .lines()
        .skip_while(|line| !line.starts_with("object "))
        .take(3)
        .map(|line| line.split_whitespace().collect())
        .collect();
    check(rows.len() == 3, "a table of two rows", &output)?;
    check(
        rows[0]
            == [
                "object", "program", "kernel", "what", "before", "after", "change",
            ],
        "its header",
        &output,
    )?;
    for (row, what, before, now) in [
        (&rows[1], "insns", before, now),
        (&rows[2], "jit", jit_before, jit_now),
    ] {
        let tail = [what, &before.to_string(), &now.to_string()].map(str::to_owned);
        let shown: Vec<_> = row
            .iter()
            .skip(3)
            .take(3)
            .map(ToString::to_string)
            .collect();
        check(shown == tail, what, &output)?;
        check(
            row[2] == "host" && row[6].starts_with('+'),
            "by how much",
            &output,
        )?;
    }
    check(
        shown.contains("error[budget-exceeded]: 2 values differ from ebpf.lock"),
        "a sentence",
        &output,
    )?;
    check(shown.contains("verify --update"), "what to do", &output)?;

    // A changed verdict is worse than any growth.
    let lock = project.lock();
    let at = lock.rfind("\"accepted\"").ok_or("none accepted")?;
    let changed = format!("{}\"refused\"{}", &lock[..at], &lock[at + 10..]);
    project.write("ebpf.lock", &changed)?;
    let output = project.verify(&["--locked", "--format", "json"]);
    check(output.status.code() == Some(1), "as data, too", &output)?;
    let budget = &document(&output)?["budget"];
    let what: Vec<_> = budget["breaches"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|breach| breach["what"].clone())
        .collect();
    check(what == ["verdict", "insns", "jit"], "worst first", &output)?;
    check(
        budget["updated"] == Value::Bool(false),
        "nothing is written",
        &output,
    )?;
    check(project.lock() == changed, "nothing is written", &output)?;

    // An update says what it changes, and makes it hold.
    let output = project.verify(&["--update"]);
    check(output.status.success(), "written", &output)?;
    check(
        text(&output.stdout).contains("what has changed:\nobject"),
        "a table",
        &output,
    )?;
    check(project.lock() == whole, "as it was", &output)?;

    // Less is no failure, and is said.
    project.commit("insns", |now| now * 2)?;
    let output = project.verify(&["--locked"]);
    check(output.status.success(), "less is fine", &output)?;
    check(
        text(&output.stdout).contains("improved since ebpf.lock was written"),
        "it is said",
        &output,
    )
}

pub(crate) fn tolerances_are_settable() -> Result<(), Failed> {
    let table = "[workspace.metadata.ebpf.tolerance]\n";
    let project = Project::locked(&format!("{table}default = 200\n"))?;
    project.commit("insns", |now| now / 2)?;
    let output = project.verify(&["--locked"]);
    check(output.status.success(), "it may double", &output)?;
    // The program's own counts more.
    let lock = project.lock();
    let program = lock
        .split("\".programs.")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    let program = program.ok_or("no program")?;
    let manifest = fs::read_to_string(project.sandbox.path("here/Cargo.toml"))?;
    project.write("Cargo.toml", &format!("{manifest}{program} = 1\n"))?;
    let output = project.verify(&["--locked"]);
    check(output.status.code() == Some(1), "this one may not", &output)?;
    for broken in ["-1", "nan", "\"5 %\""] {
        project.write("Cargo.toml", &format!("{manifest}{program} = {broken}\n"))?;
        let output = project.verify(&["--locked"]);
        ended_with("metadata-broken", &output)?;
    }
    Ok(())
}

pub(crate) fn a_missing_or_broken_file_is_said() -> Result<(), Failed> {
    let project = Project::new("")?;
    let output = project.verify(&["--locked"]);
    ended_with("budget-missing", &output)?;
    check(
        text(&output.stderr).contains("verify --update"),
        "what to do",
        &output,
    )?;
    let output = project.verify(&["--update"]);
    check(output.status.success(), "written", &output)?;
    let whole = project.lock();
    for broken in [
        "<<<<<<< HEAD\n".to_owned(),
        whole.replace("version = 1", "version = 2"),
        whole.replace("size = ", "size = -"),
        whole
            .replace("\nhost = ", "\n\"6.1\\u001b[31m\" = ")
            .replace("host = \"", "\"six\" = \""),
        "\0\u{1b}[31m".to_owned(),
    ] {
        project.write("ebpf.lock", &broken)?;
        for arguments in [["--locked"], ["--update"]] {
            let output = project.verify(&arguments);
            if output.status.success() {
                return Err(format!("taken for whole: {broken}").into());
            }
            ended_with("budget-broken", &output)?;
            check(
                !text(&output.stderr).contains('\u{1b}'),
                "no escapes",
                &output,
            )?;
            check(project.lock() == broken, "it is left as it is", &output)?;
        }
    }
    Ok(())
}

pub(crate) fn the_files_kernels_are_asked() -> Result<(), Failed> {
    let project = Project::new("")?;
    let output = project.verify(&["--update", "--kernel", "6.1,6.12"]);
    check(output.status.success(), "written", &output)?;
    let whole = project.lock();
    let output = project.verify(&["--locked", "--format", "json"]);
    check(output.status.success(), "it holds", &output)?;
    let document = document(&output)?;
    let kernels = document["kernels"].as_array().ok_or("no kernels")?;
    let labels: Vec<_> = kernels.iter().map(|kernel| &kernel["kernel"]).collect();
    check(labels == ["6.1", "6.12"], "the file's kernels", &output)?;
    // One of them alone; and one that the file does not know.
    let output = project.verify(&["--locked", "--kernel", "6.1"]);
    check(output.status.success(), "a part holds", &output)?;
    let output = project.verify(&["--locked", "--kernel", "host"]);
    ended_with("budget-kernel", &output)?;
    check(
        text(&output.stderr).contains("6.1, 6.12"),
        "which it knows",
        &output,
    )?;
    // An image has a path, which is no name for others.
    let image = crate::sandbox::image("6.1");
    let output = project.verify(&["--update", "--kernel", &image.to_string_lossy()]);
    ended_with("budget-kernel-unnamed", &output)?;
    check(project.lock() == whole, "it is left as it is", &output)
}
