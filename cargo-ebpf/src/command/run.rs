//! `run`: from whatever state the machine is in to the running loader.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use cargo_metadata::Message;
use ebpf_base::child::ending;
use ebpf_build::{BuildTools, Error, Result};
use ebpf_kernels::process::RunningProgram;

use crate::{
    cli,
    code::Code,
    command::{build, verify},
    context::Context,
    host::{
        exit::exit_code,
        process::{Destination, Process},
        root::Root,
    },
    outcome::Outcome,
    project::{Loader, Project},
    report::{Stages, build::Built, human, run::Ran},
    setup,
};

pub(crate) fn run(request: &cli::Run, context: &Context) -> Result<Outcome> {
    let project = context.project()?;
    project.ebpf_crates()?;
    let loader = project.loader(request.package.as_deref(), request.bin.as_deref())?;
    let ahead = compile_ahead(&project, &loader, request, context);

    let mut stages = Stages::new(context.console, 5);
    let (tools, _steps) = stages.run("Setting up the toolchain", || {
        setup::prepare(&context.spawner, &context.console.progress())
    })?;
    let built = stages.run("Building the eBPF objects", || {
        build::build_all(&project, &cli::Build::default(), context.console)?.whole(context.console)
    })?;
    for object in &built.objects {
        context.console.note(&object.line());
    }
    let verification = stages.run("Verifying the objects on this kernel", || {
        verify::on_host(&built.named(), context)
    })?;
    if verification.lacks_rights() {
        context
            .console
            .note("not verified: this process is not permitted to load BPF programs");
    } else if verification.outcome() == Outcome::Found {
        context.console.write(&verification)?;
        return Ok(Outcome::Found);
    } else {
        verification
            .findings()
            .for_each(|finding| context.console.show(finding));
        for kernel in &verification.kernels {
            context.console.note(&format!(
                "{} accepts {}",
                kernel.name(),
                human::counted(verification.accepted().count(), "program")
            ));
        }
    }
    // From here on, cargo reports to the user.
    drop(ahead);
    let program = stages.run(&format!("Building the loader {}", loader.package), || {
        build_loader(&project, &loader, request, &tools, context)
    })?;
    let arguments = arguments(request, &loader, &program);
    stages.begin("Running the loader");
    start(program, arguments, built, context)
}

/// Compiles the loader's dependencies while the toolchain is set up and the objects are built,
/// which takes minutes of a first run and does not keep all CPUs busy. Whatever fails here is
/// built and reported again in its stage.
fn compile_ahead(
    project: &Project,
    loader: &Loader,
    request: &cli::Run,
    context: &Context,
) -> Option<RunningProgram> {
    // Later, this would take cargo's lock on the build of an object that was edited.
    if project.objects_dir().exists() {
        return None;
    }
    // The loader itself needs the objects, and then its build script fails.
    let process = loader_build(project, loader, request, context).arg("--keep-going");
    process.start().ok()
}

/// Builds the loader for the host, with the user's own cargo and settings.
fn loader_build(
    project: &Project,
    loader: &Loader,
    request: &cli::Run,
    context: &Context,
) -> Process {
    let process = context.spawner.cargo();
    process
        .args(["build", "--profile", &loader.profile])
        .args(["--package", &loader.package, "--bin", &loader.binary])
        .args(features(request))
        .current_dir(&project.root)
        // A loader without its object would be built well and run badly.
        .env(ebpf_build::REQUIRED_ENV, "1")
}

/// Builds the loader, and returns its path.
fn build_loader(
    project: &Project,
    loader: &Loader,
    request: &cli::Run,
    tools: &BuildTools,
    context: &Context,
) -> Result<PathBuf> {
    let mut program = None;
    let status = loader_build(project, loader, request, context)
        .arg("--message-format=json-render-diagnostics")
        // Build scripts of aya-template look for the linker themselves.
        .env("PATH", tools.path()?)
        .each_line(|line| {
            if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line)
                && artifact.target.name == loader.binary
                && let Some(executable) = artifact.executable
            {
                program = Some(executable.into_std_path_buf());
            }
            Ok(())
        })?;
    match program {
        Some(program) if status.success() => Ok(program),
        _ => Err(Error::new(
            Code::LoaderFailed,
            format!("the loader {} was not built", loader.package),
        )
        .because(format!(
            "cargo ended with {}; see its output above",
            ending(status)
        ))
        .fix("fix the reported errors, then run the same command again")),
    }
}

fn features(request: &cli::Run) -> Vec<String> {
    let named = request.features.iter();
    let all = request.all_features.then_some("--all-features");
    let without = request
        .no_default_features
        .then_some("--no-default-features");
    named
        .map(|name| format!("--features={name}"))
        .chain(all.into_iter().chain(without).map(str::to_owned))
        .collect()
}

/// The user's arguments, else the project's demonstration.
fn arguments(request: &cli::Run, loader: &Loader, program: &Path) -> Vec<OsString> {
    if !request.args.is_empty() {
        return request.args.clone();
    }
    let program = program.to_string_lossy();
    let demo = loader.demo.iter();
    demo.map(|argument| argument.replace("{loader}", &program).into())
        .collect()
}

/// Runs the loader in the user's folder: the paths that she gave are relative to it.
fn start(
    program: PathBuf,
    arguments: Vec<OsString>,
    built: Built,
    context: &Context,
) -> Result<Outcome> {
    let root = Root::find(&context.spawner).map_err(|error| {
        let sudo = context
            .spawner
            .program("sudo")
            .args([&program])
            .args(&arguments);
        error.fix(sudo.line())
    })?;
    let process = match root.prefix().split_first() {
        None => context.spawner.program(&program).args(&arguments),
        Some((sudo, options)) => context
            .spawner
            .program(sudo)
            .args(options)
            .args([&program])
            .args(&arguments)
            .announced(),
    };
    let stdout = if context.console.is_json() {
        Destination::Stderr
    } else {
        Destination::Stdout
    };
    let exit_code = exit_code(process.hand_over(stdout)?);
    if context.console.is_json() {
        let ran = Ran {
            arguments: arguments
                .iter()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            loader: program,
            exit_code,
            built,
        };
        context.console.write(&ran)?;
    }
    Ok(Outcome::Child(exit_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader() -> Loader {
        Loader {
            package: "watch".to_owned(),
            binary: "watch".to_owned(),
            profile: "release".to_owned(),
            dir: "/watch".into(),
            has_build_script: true,
            demo: ["record", "--", "{loader}", "workload"]
                .map(str::to_owned)
                .into(),
        }
    }

    #[test]
    fn the_demonstration_may_run_the_loader_itself() {
        let request = cli::Run::default();
        assert_eq!(
            arguments(&request, &loader(), "/out/watch".as_ref()),
            ["record", "--", "/out/watch", "workload"]
        );
    }

    #[test]
    fn the_users_arguments_go_through_untouched() {
        let request = cli::Run {
            args: vec!["{loader}".into()],
            ..cli::Run::default()
        };
        assert_eq!(
            arguments(&request, &loader(), "/out/watch".as_ref()),
            ["{loader}"]
        );
    }
}
