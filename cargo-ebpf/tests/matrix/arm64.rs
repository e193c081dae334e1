//! `verify --kernel` with kernels of another architecture than this machine's.

use std::{env, fs, process::Command};

use test_support::{Failed, kernel_package::arm64_image, machine::ARM64_KERNEL};

use crate::sandbox::{Sandbox, check, document, ended_with, finish, object, text};

/// Our program with the cache of the user who runs the tests: it has the agent, or all that is
/// needed to build it.
fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"));
    command.args(arguments);
    sandbox.settle(&mut command);
    match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => command.env("XDG_CACHE_HOME", cache),
        None => command.env_remove("XDG_CACHE_HOME"),
    };
    command
}

pub(crate) fn each_architecture_has_its_column() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let (packet, tracing) = (
        object("verify/objects/packet.o"),
        object("verify/objects/tracing.o"),
    );
    let list = format!("{ARM64_KERNEL},6.1");
    let arguments = ["verify", "--kernel", &list, &packet, &tracing];
    let output = finish(command(
        &sandbox,
        &[&arguments[..], &["--format", "json"]].concat(),
    ));
    let document = document(&output)?;
    for (kernel, (label, architecture, debian)) in [
        (ARM64_KERNEL, "arm64", "-cloud-arm64"),
        ("6.1", "x86_64", "-cloud-amd64"),
    ]
    .into_iter()
    .enumerate()
    {
        let kernel = &document["kernels"][kernel];
        check(kernel["kernel"] == label, label, &output)?;
        check(
            kernel["architecture"] == architecture,
            architecture,
            &output,
        )?;
        let release = kernel["release"].as_str().unwrap_or_default();
        check(
            release.starts_with("6.1.") && release.ends_with(debian),
            debian,
            &output,
        )?;
        check(kernel["findings"] == serde_json::json!([]), label, &output)?;
        let verdicts = kernel["objects"][0]["programs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|program| program["verdict"].as_str().unwrap_or_default());
        check(
            verdicts.collect::<Vec<_>>() == ["accepted", "refused"],
            "a checked access, and an unchecked one",
            &output,
        )?;
        let seen = kernel["objects"][1]["programs"]
            .as_array()
            .map_or(0, Vec::len);
        check(seen > 0, "the other object", &output)?;
    }
    check(
        document["kernels"][0]["guest"] == "tcg",
        "another architecture is emulated",
        &output,
    )?;
    sandbox.is_clean()
}

pub(crate) fn without_its_qemu_both_architectures_are_named() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let image = sandbox.path("vmlinuz-arm64");
    fs::write(&image, arm64_image("6.9.1-mine"))?;
    let plain = object("verify/objects/plain.o");
    // By its name, nothing is fetched first; by its path, the file has the architecture.
    for kernel in ["6.1/arm64", "all/aarch64", &image.to_string_lossy()] {
        let mut command = sandbox.command(["verify", "--kernel", kernel, &plain]);
        command.env("PATH", sandbox.path("none"));
        let output = finish(command);
        ended_with("qemu-missing", &output)?;
        for said in [
            "qemu-system-aarch64",
            "kernels for arm64",
            "this machine is x86_64",
            "cargo ebpf setup --vm --arch arm64",
        ] {
            check(text(&output.stderr).contains(said), said, &output)?;
        }
    }
    sandbox.is_clean()
}

pub(crate) fn tests_are_for_this_machine() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let output = sandbox.run(["test", "--kernel", "6.1/arm64"]);
    ended_with("test-architecture", &output)?;
    sandbox.is_clean()
}
