//! `test`: every test of every part, and how many there were.

mod kernels;

use std::{
    ffi::OsString,
    io::{self, Write as _},
};

use ebpf_build::{Error, Finding, Result};
use serde::Serialize;

use crate::{
    cli::{self, Format, Global},
    command::build,
    host::process::{Process, ending},
    outcome::Outcome,
    progress::Display,
    project::Project,
    report::{self, Report, human},
    setup,
    testing::log::TestLog,
    testing::runner,
};

/// Runs the command.
pub(crate) fn run(request: &cli::Test, global: &Global) -> Result<Outcome> {
    if !request.kernel.is_empty() {
        return kernels::run(request, global);
    }
    let project = Project::find(global)?;
    prepare(&project, global)?;

    let mut log = TestLog::default();
    let status = Process::cargo(global)
        .args(runner::settings(&project)?)
        .args(cargo_arguments(&request.args, &project))
        .current_dir(&project.root)
        // A test of a loader without its object would test nothing.
        .env(ebpf_build::REQUIRED_ENV, "1")
        .each_line(|line| {
            log.read(line);
            pass_on(line, global.format)
        })?;

    if !status.success() && log.failed == 0 {
        human::tell(
            &Finding::error(
                "tests-incomplete",
                "not every test program was built and ran to its end",
            )
            .because(format!(
                "cargo ended with {}; see its output above",
                ending(status)
            )),
        );
    }
    let outcome = if status.success() && log.failed == 0 {
        Outcome::Fine
    } else {
        Outcome::Found
    };
    report::write(
        &Tested {
            complete: status.success() || log.failed > 0,
            log,
        },
        global.format,
    )?;
    Ok(outcome)
}

/// Makes what tests of eBPF programs need: a toolchain, and the objects.
fn prepare(project: &Project, global: &Global) -> Result<()> {
    if !project.ebpf_crates.is_empty() {
        let (tools, _steps) = setup::prepare(global, &Display::new())?;
        build::build_all(project, &cli::Build::default(), &tools)?;
    }
    Ok(())
}

fn cargo_arguments(given: &[OsString], project: &Project) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["test".into(), "--no-fail-fast".into()];
    let names_packages = given
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| {
            let argument = argument.to_string_lossy();
            argument.starts_with("-p") || argument.starts_with("--package")
        });
    if !names_packages {
        arguments.push("--workspace".into());
        for member in project.ebpf_members() {
            // It cannot be built for the host.
            arguments.extend(["--exclude".into(), member.into()]);
        }
    }
    arguments.extend(given.iter().cloned());
    arguments
}

fn pass_on(line: &str, format: Format) -> Result<()> {
    let written = match format {
        Format::Human | Format::Github => io::stdout().lock().write_all(line.as_bytes()),
        Format::Json => io::stderr().lock().write_all(line.as_bytes()),
    };
    // Whoever closed the pipe still gets the exit code.
    match written {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to", "the output".as_ref(), &cause))
        }
        _ => Ok(()),
    }
}

/// The sums of all test programs.
#[derive(Debug, Serialize)]
struct Tested {
    /// Whether every test program was built and ran to its end.
    complete: bool,
    #[serde(flatten)]
    log: TestLog,
}

impl Report for Tested {
    /// The last line of stdout.
    fn human(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.log.passed, self.log.failed, self.log.skipped
        )
    }
}
