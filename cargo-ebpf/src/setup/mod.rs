//! Making a machine able to build for BPF: sources by rustup, else a compiler with
//! sources from the distribution, then a linker. What is there is left alone, so that
//! a second run does nothing and a broken-off one goes on where it stopped.

mod machine;
pub(crate) mod packages;
mod route;
mod vm;

use ebpf_build::{BuildTools, Error, Finding, Result, progress::Progress};
use ebpf_kernels::Architecture;
use serde::Serialize;

use self::{
    machine::{Machine, ThisMachine},
    route::Route,
};
use crate::{code::Code, host::process::Spawner, interrupt, kernels::guest_agent};

/// One thing to do, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// Stable, kebab-case name.
    pub(crate) step: &'static str,
    /// What is run, as one would type it.
    pub(crate) commands: Vec<String>,
    pub(crate) state: State,
    /// Why it is so, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It would be done without `--dry-run`.
    Planned,
    /// It is done.
    Done,
    /// It did not work, or cannot work here.
    Failed,
}

/// Says what would be done here.
///
/// # Errors
/// When a toolchain that the user named does not fit.
pub(crate) fn plan(spawner: &Spawner, progress: &dyn Progress) -> Result<Vec<Step>> {
    plan_for(&mut ThisMachine::new(spawner, progress))
}

/// Says what would be done for booting other kernels for `architecture`; nothing where that can be done.
pub(crate) fn plan_vm(
    architecture: Architecture,
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Option<Step> {
    vm::plan(&mut ThisMachine::new(spawner, progress), architecture)
}

/// What would be built for guests of another architecture; nothing where it is there.
///
/// # Errors
/// When no cache directory is known.
pub(crate) fn plan_agent(architecture: Architecture) -> Result<Option<Step>> {
    let built = guest_agent::is_built(architecture)?;
    Ok((!built).then(|| agent_step(architecture, State::Planned)))
}

/// Builds this program for guests of another architecture, unless it is there.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn prepare_agent(
    architecture: Architecture,
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Result<Option<Step>> {
    let built = guest_agent::is_built(architecture)?;
    guest_agent::executable(architecture, spawner, progress)?;
    Ok((!built).then(|| agent_step(architecture, State::Done)))
}

fn agent_step(architecture: Architecture, state: State) -> Step {
    Step {
        step: "guest-agent",
        commands: vec![format!(
            "build cargo-ebpf for guests with {architecture} into the cache directory"
        )],
        state,
        note: None,
    }
}

/// Makes the machine able to boot other kernels for `architecture`, and says what was done for it.
///
/// # Errors
/// When it could not be done, with what to type.
pub(crate) fn prepare_vm(
    architecture: Architecture,
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Result<Option<Step>> {
    vm::make(&mut ThisMachine::new(spawner, progress), architecture)
}

fn plan_for(machine: &mut impl Machine) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    if !machine.has_toolchain()? {
        let routes = route::all(machine)?;
        if routes.is_empty() {
            return Err(no_route_worked(&[], &[], &machine.shortcomings()));
        }
        steps.extend(routes.iter().map(Route::planned));
        steps.push(linker_step(
            State::Planned,
            Some("only if no bpf-linker on PATH works with this toolchain"),
        ));
    } else if !machine.has_linker()? {
        steps.push(linker_step(State::Planned, None));
    }
    Ok(steps)
}

/// Does what is needed, and says what that was.
///
/// # Errors
/// When no way led to a toolchain, with what to type; when the linker cannot be built.
pub(crate) fn prepare(
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Result<(BuildTools, Vec<Step>)> {
    let mut machine = ThisMachine::new(spawner, progress);
    let steps = make_ready(&mut machine)?;
    Ok((machine.tools()?, steps))
}

fn make_ready(machine: &mut impl Machine) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    if !machine.has_toolchain()? {
        let routes = route::all(machine)?;
        let mut there = false;
        for route in &routes {
            let outcome = route.follow(machine);
            // A signal is no failure of the route: nothing else is tried.
            interrupt::check()?;
            there = outcome.is_ok() && machine.has_toolchain()?;
            let failure = match &outcome {
                Err(error) => Some(("failed", in_one_line(error))),
                Ok(()) if !there => Some((
                    "did not provide a suitable toolchain",
                    "the commands succeeded, but no compiler with matching rust-src was found \
                     afterwards"
                        .to_owned(),
                )),
                Ok(()) => None,
            };
            if let Some((what, cause)) = &failure {
                let what = format!("{} {what}", route.what());
                machine.warn(&step_failed(&what, cause));
            }
            let state = if there { State::Done } else { State::Failed };
            steps.push(Step {
                state,
                note: failure.map(|(_, cause)| cause),
                ..route.planned()
            });
            if there {
                break;
            }
        }
        if !there {
            return Err(no_route_worked(&routes, &steps, &machine.shortcomings()));
        }
    }
    if !machine.has_linker()? {
        machine.build_linker()?;
        steps.push(linker_step(State::Done, None));
    }
    Ok(steps)
}

fn linker_step(state: State, note: Option<&str>) -> Step {
    Step {
        step: "linker",
        commands: vec![format!(
            "build bpf-linker {} into the user's cache",
            ebpf_build::linker::VERSION
        )],
        state,
        note: note.map(str::to_owned),
    }
}

/// A step that did not work, where another one is tried.
fn step_failed(what: &str, cause: &str) -> Finding {
    Finding::warning(Code::SetupStepFailed, what).because(cause)
}

fn in_one_line(error: &Error) -> String {
    let finding = error.finding();
    match &finding.cause {
        Some(cause) => format!("{}: {cause}", finding.message),
        None => finding.message.clone(),
    }
}

/// Exactly what is missing, and what to type.
fn no_route_worked(routes: &[Route], steps: &[Step], shortcomings: &[String]) -> Error {
    let tried = steps
        .iter()
        .filter_map(|step| Some(format!("{}: {}", step.step, step.note.as_deref()?)));
    let cause: Vec<String> = shortcomings.iter().cloned().chain(tried).collect();
    let mut fix: Vec<String> = routes.iter().map(Route::by_hand).collect();
    let or = if fix.is_empty() { "" } else { "or " };
    fix.push(format!(
        "{or}install rustup, then: rustup toolchain install nightly --component rust-src"
    ));
    Error::new(
        Code::SetupFailed,
        "could not set up a Rust compiler (1.87 or newer) with rust-src of the same version",
    )
    .because(if cause.is_empty() {
        "neither a rustup nightly nor a supported package manager was found".to_owned()
    } else {
        cause.join("\n")
    })
    .fix(fix.join("\n"))
}

#[cfg(test)]
mod tests;
