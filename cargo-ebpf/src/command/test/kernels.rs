//! `test --kernel`: the test programs of eBPF programs, on each kernel.

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use cargo_metadata::{Artifact, Message};
use ebpf_base::{child::ending, untrusted};
use ebpf_build::{Error, Result};
use ebpf_kernels::{Architecture, KernelSpec, KernelTarget};

use super::{cargo_arguments, prepare};
use crate::{
    cli,
    code::Code,
    context::Context,
    kernels,
    matrix::{self, Settings},
    outcome::Outcome,
    project::Project,
    report::test_kernels::{OnKernel, OnKernels},
    testing::program::{self, TestProgram, TestResult, Tested},
};

/// # Errors
/// When the tests cannot be built, none of them is about eBPF programs, or a kernel is
/// not to be had.
pub(super) fn run(request: &cli::Test, context: &Context) -> Result<Outcome> {
    let mut named = request.kernel.iter().filter_map(KernelSpec::architecture);
    if let Some(architecture) = named.find(|named| Architecture::HOST != Some(*named)) {
        return Err(foreign(architecture));
    }
    let project = context.project()?;
    let path = prepare(&project, context)?;
    let kernels = kernels::to_run_on(
        &request.kernel,
        &context.spawner,
        &context.console.progress(),
    )?;
    // An image that is named by its path.
    let mut booted = kernels.iter().filter_map(KernelTarget::architecture);
    if let Some(architecture) = booted.find(|booted| Architecture::HOST != Some(*booted)) {
        return Err(foreign(architecture));
    }
    let programs = build(request, &project, &path, context)?;
    let settings = Settings {
        memory: request.guest_memory,
        timeout: Duration::from_secs(request.timeout),
    };
    let each = |kernel: &KernelTarget, program: &TestProgram, tested: &Tested| {
        // A closed pipe does not end the tests.
        let _ = context.console.pass_on(&shown(kernel, program, tested));
    };
    let ran = matrix::test_runs::run(&kernels, &programs, &settings, &context.spawner, &each)?;
    let kernels: Vec<_> = kernels
        .iter()
        .zip(ran)
        .map(|(kernel, ran)| OnKernel::new(kernel, &programs, ran))
        .collect();
    for finding in kernels.iter().flat_map(|kernel| &kernel.findings) {
        context.console.show(finding);
    }
    let report = OnKernels {
        complete: kernels.iter().all(|kernel| kernel.findings.is_empty()),
        counts: kernels.iter().map(|kernel| kernel.counts).sum(),
        kernels,
    };
    context.console.write(&report)?;
    Ok(if report.complete && report.counts.failed == 0 {
        Outcome::Fine
    } else {
        Outcome::Found
    })
}

/// Builds the tests as `cargo test` would, and takes the programs that use `ebpf-test`.
fn build(
    request: &cli::Test,
    project: &Project,
    path: &OsStr,
    context: &Context,
) -> Result<Vec<TestProgram>> {
    let split = request.args.iter().position(|argument| argument == "--");
    let (of_cargo, of_tests) = request.args.split_at(split.unwrap_or(request.args.len()));
    let text = |argument: &std::ffi::OsString| argument.to_string_lossy().into_owned();
    let mut filters: Vec<String> = of_tests.iter().skip(1).map(text).collect();
    // `cargo test NAME`.
    let name = of_cargo
        .first()
        .map(text)
        .filter(|first| !first.starts_with('-'));
    filters.extend(name);

    let mut artifacts = Vec::new();
    let status = context
        .spawner
        .cargo()
        .args(cargo_arguments(of_cargo, project))
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .current_dir(&project.root)
        .env(ebpf_build::REQUIRED_ENV, "1")
        .env("PATH", path)
        .each_line(|line| {
            // Build scripts may print lines of their own.
            if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line) {
                artifacts.push(artifact);
            }
            Ok(())
        })?;
    if !status.success() {
        return Err(
            Error::new(Code::TestsUnbuilt, "the tests could not be built").because(format!(
                "cargo ended with {}; see its output above",
                ending(status)
            )),
        );
    }
    let mut programs = Vec::new();
    for artifact in &artifacts {
        if let Some(path) = executable(artifact)
            && program::is_marked(&path)?
        {
            programs.push(program(artifact, path, &filters, project));
        }
    }
    // cargo tells of them in the order in which they were built.
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    if programs.is_empty() {
        return Err(Error::new(
            Code::GuestTestsMissing,
            "no test of this project runs an eBPF program",
        )
        .because("with --kernel, only test executables that use the crate ebpf-test are run")
        .fix("cargo add --dev ebpf-test, and write a test as in the README of ebpf-test"));
    }
    Ok(programs)
}

fn executable(artifact: &Artifact) -> Option<PathBuf> {
    let tests = artifact.profile.test;
    let path = artifact.executable.as_ref().filter(|_| tests)?;
    Some(path.clone().into_std_path_buf())
}

fn program(
    artifact: &Artifact,
    path: PathBuf,
    filters: &[String],
    project: &Project,
) -> TestProgram {
    let target = &artifact.target.name;
    let package = project.member(&artifact.package_id);
    let name = match package {
        Some(package) if *target != package.name.replace('-', "_") && *target != *package.name => {
            format!("{}::{target}", package.name)
        }
        _ => target.clone(),
    };
    let folder = artifact.manifest_path.parent();
    TestProgram {
        name,
        path,
        folder: folder.map(|folder| folder.as_std_path().to_owned()),
        filters: filters.to_vec(),
        done: Vec::new(),
    }
}

/// Test programs are compiled for this machine.
fn foreign(architecture: Architecture) -> Error {
    Error::new(
        Code::TestArchitecture,
        format!("tests cannot run on kernels for {architecture}"),
    )
    .because("they are compiled for this machine's architecture")
    .fix("omit these kernels; cargo ebpf verify --kernel supports other architectures")
}

/// A test that has ended: a line as libtest has it, and what a failed one printed.
fn shown(kernel: &KernelTarget, program: &TestProgram, tested: &Tested) -> String {
    let result = match &tested.result {
        TestResult::Passed => "ok".to_owned(),
        TestResult::Failed => "FAILED".to_owned(),
        TestResult::Skipped { reason: None } => "ignored".to_owned(),
        TestResult::Skipped {
            reason: Some(reason),
        } => format!("ignored, {}", untrusted::line(reason)),
    };
    let mut text = format!(
        "test {} {} {} ... {result}\n",
        untrusted::name(kernel.label()),
        untrusted::name(&program.name),
        untrusted::name(&tested.name)
    );
    for line in untrusted::lines(&tested.output).lines() {
        text += &format!("    {line}\n");
    }
    text
}
