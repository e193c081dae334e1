//! qemu, the one thing that booting other kernels needs; for those of another architecture, a
//! linker to build this program with.

use ebpf_build::{Error, Result};
use ebpf_kernels::{Architecture, guest::qemu};

use super::{
    Machine, State, Step, in_one_line,
    route::{install, repair, update},
    step_failed,
};
use crate::{
    code::Code,
    host::{root::Root, shell::command_line},
    interrupt,
    setup::packages::{OTHER_MANAGERS, linker_package, qemu_package},
};

/// What would be done; nothing where all is there.
pub(super) fn plan(machine: &mut impl Machine, architecture: Architecture) -> Option<Step> {
    let packages = lacking(machine, architecture);
    if packages.is_empty() {
        return None;
    }
    Some(match way(machine, architecture, packages) {
        Ok(commands) => step(State::Planned, lines(&commands), None),
        Err(error) => step(
            State::Failed,
            error.finding().fix.clone().into_iter().collect(),
            Some(in_one_line(&error)),
        ),
    })
}

/// Installs qemu, and a linker for another architecture, unless they are there.
pub(super) fn make(machine: &mut impl Machine, architecture: Architecture) -> Result<Option<Step>> {
    let packages = lacking(machine, architecture);
    if packages.is_empty() {
        return Ok(None);
    }
    let commands = way(machine, architecture, packages)?;
    let mut outcome = Ok(());
    for command in &commands {
        // Only the last must work: a broken package of somebody else's, or one source
        // out of reach among many, need not keep it from doing so.
        outcome = machine.run(command, None);
        interrupt::check()?;
        if let Err(error) = &outcome
            && Some(command) != commands.last()
        {
            machine.warn(&step_failed(
                "a step of installing qemu failed",
                &in_one_line(error),
            ));
        }
    }
    let by_hand = lines(&commands).join(" && ");
    outcome.map_err(|error| failed(&in_one_line(&error), by_hand.clone()))?;
    if !machine.has(qemu(architecture)) {
        return Err(failed(
            &format!(
                "the packages were installed, but {} is not on PATH",
                qemu(architecture)
            ),
            by_hand,
        ));
    }
    Ok(Some(step(State::Done, lines(&commands), None)))
}

/// The packages of Debian and Ubuntu for what is not there.
fn lacking(machine: &mut impl Machine, architecture: Architecture) -> Vec<String> {
    // Without a toolchain, it is not known whether that will have a linker.
    let has_linker = machine.has_native_linker(architecture).unwrap_or(true);
    let mut packages = Vec::new();
    if !machine.has(qemu(architecture)) {
        packages.push(qemu_package(architecture).to_owned());
    }
    if !has_linker {
        packages.push(linker_package(architecture).to_owned());
    }
    packages
}

/// The commands that install `packages`.
///
/// # Errors
/// When they are the user's to type.
fn way(
    machine: &mut impl Machine,
    architecture: Architecture,
    packages: Vec<String>,
) -> Result<Vec<Vec<String>>> {
    let commands = |root| vec![repair(root), update(root), install(root, packages)];
    if machine.has("apt-get") {
        return match machine.root() {
            Ok(root) => Ok(commands(root)),
            Err(error) => Err(failed(
                &in_one_line(&error),
                lines(&commands(Root::Sudo)).join(" && "),
            )),
        };
    }
    let manager = OTHER_MANAGERS
        .iter()
        .find(|manager| machine.has(manager.program));
    Err(match manager {
        Some(manager) => failed(
            &format!(
                "cargo ebpf cannot install packages with {}",
                manager.program
            ),
            match machine.has(qemu(architecture)) {
                true => "install lld, a linker".to_owned(),
                false => manager.qemu(architecture).to_owned(),
            },
        ),
        None => failed(
            "no supported package manager was found",
            format!("install {}", qemu(architecture)),
        ),
    })
}

fn failed(cause: &str, fix: String) -> Error {
    Error::new(Code::VmSetupFailed, "could not set up qemu")
        .because(cause)
        .fix(fix)
}

fn step(state: State, commands: Vec<String>, note: Option<String>) -> Step {
    Step {
        step: "qemu",
        commands,
        state,
        note,
    }
}

fn lines(commands: &[Vec<String>]) -> Vec<String> {
    commands.iter().map(command_line).collect()
}
