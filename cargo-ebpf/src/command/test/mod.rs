//! `test`: every test of every part, and how many there were.

mod kernels;

use std::{env, ffi::OsString};

use ebpf_base::child::ending;
use ebpf_build::{Finding, Result};

use crate::{
    cli,
    code::Code,
    command::build,
    context::Context,
    host::executable::this_program,
    outcome::Outcome,
    project::{Project, configs_of},
    report::test_log::Tested,
    setup,
    testing::{log::TestLog, runner},
};

pub(crate) fn run(request: &cli::Test, context: &Context) -> Result<Outcome> {
    if !request.kernel.is_empty() {
        return kernels::run(request, context);
    }
    let project = context.project()?;
    let path = prepare(&project, context)?;

    let mut log = TestLog::default();
    let status = context.spawner.cargo()
        .args(runner_arguments(&project)?)
        .args(cargo_arguments(&request.args, &project))
        .current_dir(&project.root)
        // A test of a loader without its object would test nothing.
        .env(ebpf_build::REQUIRED_ENV, "1")
        .env("PATH", path)
        .each_line(|line| {
            log.read(line);
            context.console.pass_on(line)
        })?;

    if !status.success() && log.failed == 0 {
        context.console.show(
            &Finding::error(
                Code::TestsIncomplete,
                "some test executables could not be built, or did not finish",
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
    context.console.write(&Tested {
        complete: status.success() || log.failed > 0,
        log,
    })?;
    Ok(outcome)
}

/// Makes what tests of eBPF programs need, a toolchain and the objects, and returns the PATH
/// for them: build scripts of aya-template look for the linker themselves.
fn prepare(project: &Project, context: &Context) -> Result<OsString> {
    if project.ebpf_crates.is_empty() {
        return Ok(env::var_os("PATH").unwrap_or_default());
    }
    let (tools, _steps) = setup::prepare(&context.spawner, &context.console.progress())?;
    build::build_all(project, &cli::Build::default(), context.console)?.whole(context.console)?;
    tools.path()
}

/// cargo's arguments that make this program the runner. None where the user has one of her
/// own, which cargo would reject beside it: skipped tests then stay failed ones.
fn runner_arguments(project: &Project) -> Result<Vec<OsString>> {
    let configs = configs_of(&project.root)?;
    let setting = runner::setting(&this_program()?)
        .filter(|_| !configs.iter().any(|config| config.has_runner()));
    Ok(setting
        .map(|setting| vec!["--config".into(), setting.into()])
        .unwrap_or_default())
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
