//! Who takes what, as a table and as data.

use std::{process::Output, sync::LazyLock};

use serde_json::Value;
use test_support::{Failed, machine::GUEST_KERNELS};

use crate::sandbox::{Sandbox, check, document, finish, object, text};

/// Of each make and each verdict something.
fn objects() -> Vec<String> {
    [
        "objects/aya-btf.o",
        "verify/objects/packet.o",
        "verify/objects/sections.o",
        "verify/objects/tracing.o",
        "verify/objects/trampoline.o",
    ]
    .map(object)
    .to_vec()
}

fn arguments(kernels: &str, objects: Vec<String>) -> Vec<String> {
    let fixed = ["verify", "--kernel", kernels].map(str::to_owned);
    [fixed.to_vec(), objects].concat()
}

/// One run for all tests: it is the kernels' work that takes time.
static AS_ROOT: LazyLock<(Output, Result<(), String>)> = LazyLock::new(|| {
    let sandbox = Sandbox::new();
    let list = [&GUEST_KERNELS[..], &["host"]].concat().join(",");
    let output = sandbox.run(
        [
            arguments(&list, objects()),
            vec!["--format".into(), "json".into()],
        ]
        .concat(),
    );
    let clean = sandbox.is_clean().map_err(|failed| format!("{failed:?}"));
    (output, clean)
});

pub(crate) fn each_kernel_has_its_column() -> Result<(), Failed> {
    let (output, clean) = &*AS_ROOT;
    clean.clone()?;
    let document = document(output)?;
    check(output.status.code() == Some(1), "some are refused", output)?;
    check(document["schema"] == 1, "a schema", output)?;
    let kernels = document["kernels"].as_array().ok_or("no kernels")?;
    let labels: Vec<_> = kernels.iter().map(|kernel| &kernel["kernel"]).collect();
    check(
        labels == ["5.10", "6.1", "6.12", "7.3", "host"],
        "every kernel, in the order of the list",
        output,
    )?;
    for kernel in kernels {
        let label = kernel["kernel"].as_str().unwrap_or_default();
        let release = kernel["release"].as_str().unwrap_or_default();
        if label == "host" {
            check(
                kernel.get("guest").is_none(),
                "the host is no guest",
                output,
            )?;
        } else {
            check(release.starts_with(&format!("{label}.")), label, output)?;
            check(kernel["guest"].is_string(), "who runs it", output)?;
            check(kernel["version"].is_string(), "its package", output)?;
        }
        check(kernel["findings"] == serde_json::json!([]), label, output)?;
        let asked = kernel["objects"].as_array().map_or(0, Vec::len);
        check(asked == objects().len(), "every object", output)?;
        let programs = |object: &Value| object["programs"].as_array().map_or(0, Vec::len);
        let first = kernels[0]["objects"].as_array().into_iter().flatten();
        for (object, same) in kernel["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .zip(first)
        {
            check(
                programs(object) > 0 && programs(object) == programs(same),
                "every program on every kernel",
                output,
            )?;
        }
    }
    let verdict = |kernel: usize, object: usize, program: usize| {
        document["kernels"][kernel]["objects"][object]["programs"][program]["verdict"].clone()
    };
    for kernel in 0..kernels.len() {
        check(
            verdict(kernel, 1, 0) == "accepted",
            "a checked access",
            output,
        )?;
        check(
            verdict(kernel, 1, 1) == "refused",
            "an unchecked access",
            output,
        )?;
    }
    Ok(())
}

pub(crate) fn every_refusal_of_a_kind_has_its_reason() -> Result<(), Failed> {
    let (output, _) = &*AS_ROOT;
    let mut unsupported = 0;
    for kernel in document(output)?["kernels"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let release = kernel["release"].as_str().ok_or("no release")?;
        for program in programs(kernel) {
            let why = &program["why"];
            match program["verdict"].as_str() {
                Some("accepted") => continue,
                Some("unsupported") => {
                    unsupported += 1;
                    let says = |part: &str| why[part].as_str().is_some_and(|text| !text.is_empty());
                    let message = why["message"].as_str().unwrap_or_default();
                    check(
                        message.contains(&format!("Linux {release} ")),
                        "it says of which kernel",
                        output,
                    )?;
                    check(says("cause") && says("fix"), "why, and what to do", output)?;
                }
                _ => {}
            }
            check(why["code"].is_string(), "every reason has a code", output)?;
        }
    }
    check(
        unsupported > 0,
        "something is not supported somewhere",
        output,
    )
}

fn programs(kernel: &Value) -> impl Iterator<Item = &Value> {
    let objects = kernel["objects"].as_array().into_iter().flatten();
    objects.flat_map(|object| object["programs"].as_array().into_iter().flatten())
}

/// Guests need no rights: who has none and who has all get the same answer.
pub(crate) fn nobody_gets_the_same_verdicts() -> Result<(), Failed> {
    let sandbox = Sandbox::of_nobody();
    let list = GUEST_KERNELS.join(",");
    let objects: Vec<_> = objects().iter().map(|object| sandbox.own(object)).collect();
    let output = sandbox.run(arguments(&list, objects.clone()));
    sandbox.is_clean()?;
    let shown = text(&output.stdout);
    check(output.status.code() == Some(1), "some are refused", &output)?;
    let document = document(&AS_ROOT.0)?;
    let columns: Vec<_> = document["kernels"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    for (number, object) in objects.iter().enumerate() {
        let mut lines = shown
            .lines()
            .skip_while(|line| *line != format!("{object}:"));
        let header = lines.nth(1).unwrap_or_default();
        check(
            header
                .split_whitespace()
                .eq(["program", "section"].into_iter().chain(GUEST_KERNELS)),
            "a column for each kernel",
            &output,
        )?;
        let at = |column: &Value, row: usize| column["objects"][number]["programs"][row].clone();
        let rows = columns[0]["objects"][number]["programs"].as_array();
        for row in 0..rows.map_or(0, Vec::len) {
            let line = lines.next().unwrap_or_default();
            let labels: Vec<_> = columns
                .iter()
                .take(GUEST_KERNELS.len())
                .map(|column| label(&at(column, row)["verdict"]).to_owned())
                .collect();
            let expected = labels.join(" ");
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            check(
                words.ends_with(&expected),
                &format!("`{expected}` ends `{line}`"),
                &output,
            )?;
            for column in &columns[..GUEST_KERNELS.len()] {
                let program = at(column, row);
                let message = program["why"]["message"].as_str();
                if program["verdict"] == "unsupported" {
                    check(
                        shown.contains(message.unwrap_or("?")),
                        &format!("the reason is told: {message:?}"),
                        &output,
                    )?;
                }
            }
        }
    }
    check(
        !shown.contains("not permitted"),
        "guests have all rights",
        &output,
    )?;
    // The machine's own kernel asks for rights, and says so.
    let output = sandbox.run([
        "verify",
        "--kernel",
        "host",
        &object("verify/objects/plain.o"),
    ]);
    check(
        text(&output.stdout).contains("no-rights"),
        "no rights here",
        &output,
    )
}

/// As the table has it.
fn label(verdict: &Value) -> &str {
    match verdict.as_str().unwrap_or_default() {
        "unsupported" => "not supported",
        "not-tried" => "not tried",
        "refused" => "rejected",
        other => other,
    }
}

pub(crate) fn two_runs_share_a_cache() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let plain = object("verify/objects/plain.o");
    // As on the first day: both find out whether /dev/kvm works.
    let _ = std::fs::remove_file(sandbox.path("cache/cargo-ebpf/kvm.json"));
    let run = || finish(sandbox.command(["verify", "--kernel", "6.1", &plain]));
    let outputs = std::thread::scope(|scope| {
        let runs = [scope.spawn(run), scope.spawn(run)];
        runs.map(|run| run.join())
    });
    for output in outputs {
        let output = output.map_err(|_| "it did not run")?;
        check(output.status.success(), "both end well", &output)?;
    }
    sandbox.is_clean()
}
