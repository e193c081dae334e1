//! `run`: from whatever state the machine is in to the running loader.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use cargo_metadata::Message;
use ebpf_build::{Error, Result};
use serde::Serialize;

use crate::{
    cli::{self, Format, Global},
    command::{
        build::{self, Built},
        verify,
    },
    host::{
        process::{Destination, Process, ending, exit_code},
        root::Root,
    },
    outcome::Outcome,
    progress::Display,
    project::{Loader, Project},
    report::{self, Report},
    setup,
};

/// What the loader did, as JSON. For people it speaks for itself.
#[derive(Debug, Serialize)]
struct Ran {
    loader: PathBuf,
    arguments: Vec<String>,
    exit_code: u8,
    #[serde(flatten)]
    built: Built,
}

/// Runs the command.
pub(crate) fn run(request: &cli::Run, global: &Global) -> Result<Outcome> {
    let project = Project::find(global)?;
    project.ebpf_crates()?;
    let loader = project.loader()?;

    let (tools, _steps) = setup::prepare(global, &Display::new())?;
    let built = build::build_all(&project, &cli::Build::default(), &tools)?;
    for object in &built.objects {
        report::human::note(&object.line());
    }
    let verification = verify::on_host(&built.named(), global)?;
    if verification.lacks_rights() {
        report::human::note("not verified: that needs root, as the loader does");
    } else if verification.outcome() == Outcome::Found {
        report::write(&verification, global.format)?;
        return Ok(Outcome::Found);
    } else {
        verification.findings().for_each(report::human::tell);
        for kernel in &verification.kernels {
            report::human::note(&format!(
                "{} accepts {}",
                kernel.name(),
                report::human::counted(verification.accepted().count(), "program")
            ));
        }
    }
    let program = build_loader(&project, &loader, global)?;
    let arguments = arguments(request, &loader, &program);
    start(program, arguments, built, global)
}

/// Builds the loader for the host, with the user's own cargo and settings.
fn build_loader(project: &Project, loader: &Loader, global: &Global) -> Result<PathBuf> {
    let mut program = None;
    let status = Process::cargo(global)
        .args(["build", "--release", "--package", &loader.package, "--bin", &loader.binary])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(&project.root)
        // A loader without its object would be built well and run badly.
        .env(ebpf_build::REQUIRED_ENV, "1")
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
            "loader-failed",
            format!("the loader {} was not built", loader.package),
        )
        .because(format!(
            "cargo ended with {}; see its output above",
            ending(status)
        ))
        .fix("fix the reported errors, then run the same command again")),
    }
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
    global: &Global,
) -> Result<Outcome> {
    let root = Root::find(global).map_err(|error| {
        let sudo = Process::new("sudo", global)
            .args([&program])
            .args(&arguments);
        error.fix(sudo.line())
    })?;
    let process = match root.prefix().split_first() {
        None => Process::new(&program, global).args(&arguments),
        Some((sudo, options)) => Process::new(sudo, global)
            .args(options)
            .args([&program])
            .args(&arguments)
            .announced(),
    };
    let stdout = match global.format {
        Format::Human | Format::Github => Destination::Stdout,
        Format::Json => Destination::Stderr,
    };
    let exit_code = exit_code(process.hand_over(stdout)?);
    if global.format == Format::Json {
        let ran = Ran {
            arguments: arguments
                .iter()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            loader: program,
            exit_code,
            built,
        };
        report::write(&ran, global.format)?;
    }
    Ok(Outcome::Child(exit_code))
}

impl Report for Ran {
    fn human(&self) -> String {
        format!("the loader ended with exit code {}", self.exit_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader() -> Loader {
        Loader {
            package: "watch".to_owned(),
            binary: "watch".to_owned(),
            dir: "/watch".into(),
            demo: ["record", "--", "{loader}", "workload"]
                .map(str::to_owned)
                .into(),
        }
    }

    #[test]
    fn the_demonstration_may_run_the_loader_itself() {
        let request = cli::Run { args: Vec::new() };
        assert_eq!(
            arguments(&request, &loader(), "/out/watch".as_ref()),
            ["record", "--", "/out/watch", "workload"]
        );
    }

    #[test]
    fn the_users_arguments_go_through_untouched() {
        let request = cli::Run {
            args: vec!["{loader}".into()],
        };
        assert_eq!(
            arguments(&request, &loader(), "/out/watch".as_ref()),
            ["{loader}"]
        );
    }
}
