//! The ways to a toolchain that can build for BPF, best first.

use std::time::Duration;

use ebpf_build::{Error, Result};

use super::{Machine, State, Step};
use crate::{
    code::Code,
    host::root::Root,
    setup::packages::{self, Choice},
};

/// Long for 3 MB of sources, and an end where a firewall swallows every packet.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// apt fails at once while another apt runs; it waits so many seconds instead.
const LOCK_TIMEOUT: &str = "DPkg::Lock::Timeout=60";

/// One way, followed until it works or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// rustup adds the sources to a toolchain that is there.
    Rustup { toolchain: String },
    /// Debian's and Ubuntu's packages. `root` says why not where we may not install,
    /// `choice` is what apt's present lists have on offer.
    Apt {
        root: Result<Root>,
        choice: Option<Choice>,
    },
    /// Packages of another distribution: the user's to install.
    ByHand { commands: Vec<String> },
}

/// The ways that this machine has.
pub(super) fn all(machine: &mut impl Machine) -> Result<Vec<Route>> {
    let mut routes = Vec::new();
    if machine.has("rustup")
        // No toolchains at all (RUSTUP_HOME pointing at nothing) is an error of rustup's.
        && let Ok(list) = machine.read(&words("rustup toolchain list"))
        && let Some(toolchain) = nightly(&list).or_else(|| stable(&list))
    {
        routes.push(Route::Rustup { toolchain });
    }
    if machine.has("apt-get") {
        routes.push(Route::Apt {
            // Nothing yet on a machine that has never updated its lists.
            choice: on_offer(machine).unwrap_or(None),
            root: machine.root(),
        });
    }
    for manager in packages::OTHER_MANAGERS {
        if machine.has(manager.program) && !machine.has("apt-get") {
            let commands = manager
                .rust
                .iter()
                .map(|command| (*command).to_owned())
                .collect();
            routes.push(Route::ByHand { commands });
        }
    }
    Ok(routes)
}

impl Route {
    /// For a sentence.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Rustup { .. } => "adding rust-src with rustup",
            Self::Apt { .. } => "installing the distribution's packages",
            Self::ByHand { .. } => "installing packages with the distribution's package manager",
        }
    }

    pub(super) fn follow(&self, machine: &mut impl Machine) -> Result<()> {
        match self {
            Self::Rustup { toolchain } => machine.run(&rustup(toolchain), Some(RUSTUP_LIMIT)),
            Self::Apt {
                root: Err(error), ..
            } => Err(error.clone()),
            Self::Apt { root: Ok(root), .. } => apt(*root, machine),
            Self::ByHand { .. } => Err(Error::new(
                Code::ByHand,
                "cargo ebpf cannot install packages with this package manager",
            )),
        }
    }

    pub(super) fn planned(&self) -> Step {
        let (step, note) = match self {
            Self::Rustup { .. } => ("rustup-sources", None),
            Self::Apt {
                root: Err(error), ..
            } => ("apt-packages", Some(super::in_one_line(error))),
            Self::Apt { choice: None, .. } => (
                "apt-packages",
                Some("the packages are chosen after the update".to_owned()),
            ),
            Self::Apt { .. } => ("apt-packages", None),
            Self::ByHand { .. } => ("by-hand", Some("run this yourself".to_owned())),
        };
        let state = match self {
            Self::Apt { root: Err(_), .. } | Self::ByHand { .. } => State::Failed,
            _ => State::Planned,
        };
        Step {
            step,
            commands: self.commands(),
            state,
            note,
        }
    }

    /// What the user types to go this way herself.
    pub(super) fn by_hand(&self) -> String {
        self.commands().join(" && ")
    }

    fn commands(&self) -> Vec<String> {
        let join = |command: Vec<String>| crate::host::shell::command_line(command);
        match self {
            Self::Rustup { toolchain } => vec![join(rustup(toolchain))],
            Self::ByHand { commands } => commands.clone(),
            Self::Apt { root, choice } => {
                let root = root.as_ref().copied().unwrap_or(Root::Sudo);
                let packages = choice.as_ref().map_or_else(
                    || words("rustc-web cargo-web rust-web-src"),
                    Choice::arguments,
                );
                [repair(root), update(root), install(root, packages)]
                    .map(join)
                    .into()
            }
        }
    }
}

/// Each of the first two may fail (a broken package of somebody else's, one source out
/// of reach among many) and the third work all the same.
fn apt(root: Root, machine: &mut impl Machine) -> Result<()> {
    let repaired = machine.run(&repair(root), None);
    let updated = machine.run(&update(root), None);
    crate::interrupt::check()?;
    let Some(choice) = on_offer(machine)? else {
        updated?;
        return Err(Error::new(
            Code::PackagesMissing,
            "apt offers no rustc 1.87 or newer with sources of the same version",
        ));
    };
    machine
        .run(&install(root, choice.arguments()), None)
        .map_err(|error| match (repaired, updated) {
            // What went wrong first is the likelier cause.
            (_, Err(first)) | (Err(first), _) => error.because(super::in_one_line(&first)),
            _ => error,
        })
}

fn on_offer(machine: &mut impl Machine) -> Result<Option<Choice>> {
    let mut command = words("apt-cache policy");
    command.extend(packages::names());
    Ok(packages::choose(&machine.read(&command)?))
}

fn rustup(toolchain: &str) -> Vec<String> {
    let mut command = words("rustup component add rust-src --toolchain");
    command.push(toolchain.to_owned());
    command
}

/// Finishes what an interrupted dpkg left half done; nothing where it left nothing.
pub(super) fn repair(root: Root) -> Vec<String> {
    as_root(root, "dpkg --configure -a")
}

pub(super) fn update(root: Root) -> Vec<String> {
    as_root(root, "apt-get update")
}

pub(super) fn install(root: Root, packages: Vec<String>) -> Vec<String> {
    let mut command = as_root(root, "apt-get install -y --no-install-recommends -o");
    command.push(LOCK_TIMEOUT.to_owned());
    command.extend(packages);
    command
}

/// With `env`, as sudo removes variables that its configuration does not keep.
fn as_root(root: Root, command: &str) -> Vec<String> {
    let mut line: Vec<String> = root
        .prefix()
        .iter()
        .map(|word| (*word).to_owned())
        .collect();
    line.extend(words("env DEBIAN_FRONTEND=noninteractive"));
    line.extend(words(command));
    line
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// A newcomer's rustup has only this one. Its compiler does as well.
fn stable(list: &str) -> Option<String> {
    let mut names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let found = names.find(|name| name.starts_with("stable-"));
    found.map(|_| "stable".to_owned())
}

/// The nightly to add sources to: the undated one where there is one, else the newest.
fn nightly(list: &str) -> Option<String> {
    let nightlies = || {
        list.lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| name.starts_with("nightly-"))
    };
    let dated = |name: &str| name.starts_with("nightly-2");
    if nightlies().any(|name| !dated(name)) {
        return Some("nightly".to_owned());
    }
    nightlies().max().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{nightly, stable};

    #[test]
    fn the_nightly_is_told_from_the_rest() {
        let name = |list: &str| nightly(list);
        assert_eq!(
            name(
                "stable-x86_64-unknown-linux-gnu (active, default)\nnightly-x86_64-unknown-linux-gnu\n"
            ),
            Some("nightly".to_owned())
        );
        assert_eq!(
            name("nightly-2026-01-01-x86_64\nnightly-2026-05-19-x86_64 (default)\n"),
            Some("nightly-2026-05-19-x86_64".to_owned())
        );
        assert_eq!(name("no installed toolchains\n"), None);
    }

    #[test]
    fn a_newcomers_stable_will_do() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n";
        assert_eq!(nightly(list), None);
        assert_eq!(stable(list), Some("stable".to_owned()));
        assert_eq!(stable("1.95.0-x86_64-unknown-linux-gnu\n"), None);
    }
}
