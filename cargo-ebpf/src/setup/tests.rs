//! Whole setups on machines that are made up: what is run, in which order, and what
//! is said when it does not work.

use std::time::Duration;

use super::*;
use crate::host::root::Root;

const OFFER: &str = "1.96.0+dfsg1-1~deb12u2";

/// A machine where each command does what `answers` says of it.
#[derive(Default)]
struct Scripted {
    programs: Vec<&'static str>,
    toolchain: bool,
    linker: bool,
    root: Option<Root>,
    /// Commands that work, and make the toolchain whole, by their first words.
    cures: Vec<&'static str>,
    /// Commands that bring a program.
    brings: Vec<(&'static str, &'static str)>,
    /// Commands that fail.
    failing: Vec<&'static str>,
    nightly: bool,
    offers: bool,
    ran: Vec<String>,
    warnings: Vec<String>,
}

impl Machine for Scripted {
    fn has_toolchain(&mut self) -> Result<bool> {
        Ok(self.toolchain)
    }

    fn shortcomings(&self) -> Vec<String> {
        vec!["rustc 1.95.0 has no sources".to_owned()]
    }

    fn has_linker(&mut self) -> Result<bool> {
        Ok(self.linker)
    }

    fn build_linker(&mut self) -> Result<()> {
        self.ran.push("build linker".to_owned());
        self.linker = true;
        Ok(())
    }

    fn has_native_linker(&mut self, architecture: Architecture) -> Result<bool> {
        Ok(architecture == Architecture::X86_64 || self.has("ld.lld"))
    }

    fn has(&self, program: &str) -> bool {
        self.programs.contains(&program)
    }

    fn root(&mut self) -> Result<Root> {
        self.root
            .ok_or_else(|| Error::new("root-missing", "this requires root"))
    }

    fn run(&mut self, command: &[String], _: Option<Duration>) -> Result<()> {
        let line = command
            .join(" ")
            .replace("env DEBIAN_FRONTEND=noninteractive ", "");
        self.ran.push(line.clone());
        if self.failing.iter().any(|failing| line.starts_with(failing)) {
            return Err(Error::new(
                "program-failed",
                format!("`{line}` ended with exit code 100"),
            ));
        }
        if line.ends_with("apt-get update") {
            self.offers = true;
        }
        let brought = self.brings.iter().filter(|(command, _)| line == *command);
        self.programs.extend(brought.map(|(_, program)| *program));
        self.toolchain |= self.cures.iter().any(|cure| line.starts_with(cure));
        Ok(())
    }

    fn read(&mut self, command: &[String]) -> Result<String> {
        Ok(match command[0].as_str() {
            "rustup" if self.nightly => "nightly-x86_64-unknown-linux-gnu\n".to_owned(),
            "apt-cache" if self.offers => ["rustc-web", "cargo-web", "rust-web-src"]
                .map(|name| format!("{name}:\n  Candidate: {OFFER}\n"))
                .concat(),
            _ => String::new(),
        })
    }

    fn warn(&mut self, warning: &Finding) {
        self.warnings.push(warning.message.clone());
    }
}

fn debian() -> Scripted {
    Scripted {
        programs: vec!["rustup", "apt-get"],
        nightly: true,
        root: Some(Root::Here),
        cures: vec!["apt-get install"],
        failing: vec!["rustup component"],
        ..Scripted::default()
    }
}

const APT: [&str; 3] = [
    "dpkg --configure -a",
    "apt-get update",
    "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=60 rustc-web cargo-web rust-web-src",
];

#[test]
fn rustup_is_enough_where_it_works() {
    let mut machine = Scripted {
        cures: vec!["rustup component add rust-src --toolchain nightly"],
        failing: vec![],
        ..debian()
    };
    let steps = make_ready(&mut machine).unwrap();
    assert_eq!(
        machine.ran,
        [
            "rustup component add rust-src --toolchain nightly",
            "build linker"
        ]
    );
    let states: Vec<_> = steps.iter().map(|step| (step.step, step.state)).collect();
    assert_eq!(
        states,
        [("rustup-sources", State::Done), ("linker", State::Done)]
    );
}

#[test]
fn without_rustups_server_the_distribution_serves() {
    let mut machine = debian();
    let steps = make_ready(&mut machine).unwrap();
    assert_eq!(machine.ran[1..4], APT);
    assert_eq!(machine.ran[4..], ["build linker"]);
    assert_eq!(machine.warnings, ["adding rust-src with rustup failed"]);
    assert_eq!(steps[0].state, State::Failed);
    assert!(steps[0].note.as_deref().unwrap().contains("exit code 100"));
    assert_eq!(steps[1].state, State::Done);
}

#[test]
fn without_a_nightly_rustup_is_not_asked() {
    let mut machine = Scripted {
        nightly: false,
        ..debian()
    };
    make_ready(&mut machine).unwrap();
    assert_eq!(machine.ran[..3], APT);
}

#[test]
fn what_is_there_is_left_alone() {
    let mut machine = Scripted {
        toolchain: true,
        linker: true,
        ..debian()
    };
    assert_eq!(make_ready(&mut machine).unwrap(), []);
    assert!(machine.ran.is_empty());
    // Half there, after an interruption: only the rest is done.
    let mut machine = Scripted {
        toolchain: true,
        ..debian()
    };
    make_ready(&mut machine).unwrap();
    assert_eq!(machine.ran, ["build linker"]);
}

#[test]
fn a_broken_source_among_many_does_not_stop_apt() {
    let mut machine = Scripted {
        offers: true,
        failing: vec!["rustup component", "dpkg", "apt-get update"],
        ..debian()
    };
    make_ready(&mut machine).unwrap();
    assert_eq!(machine.ran[1..4], APT);
}

#[test]
fn a_failing_apt_says_what_failed_first_and_what_to_type() {
    let mut machine = Scripted {
        offers: true,
        failing: vec!["rustup component", "apt-get"],
        ..debian()
    };
    let error = make_ready(&mut machine).unwrap_err();
    assert_eq!(error.code(), "setup-failed");
    let cause = error.finding().cause.as_deref().unwrap();
    assert!(cause.contains("rustc 1.95.0 has no sources"), "{cause}");
    assert!(
        cause.contains("`apt-get update` ended with exit code 100"),
        "{cause}"
    );
    let fix = error.finding().fix.as_deref().unwrap();
    assert!(
        fix.contains("rustup component add rust-src --toolchain nightly"),
        "{fix}"
    );
    assert!(fix.contains("apt-get install -y"), "{fix}");
    assert!(!machine.ran.contains(&"build linker".to_owned()));
}

#[test]
fn an_apt_without_a_fit_compiler_says_so() {
    let mut machine = Scripted {
        failing: vec!["rustup", "apt-get update"],
        ..debian()
    };
    let error = make_ready(&mut machine).unwrap_err();
    assert!(
        error
            .finding()
            .cause
            .as_deref()
            .unwrap()
            .contains("apt-get update")
    );
    assert_eq!(machine.ran.last().unwrap(), "apt-get update");
}

#[test]
fn without_rights_nothing_is_run_and_the_commands_have_sudo() {
    let mut machine = Scripted {
        root: None,
        nightly: false,
        ..debian()
    };
    let error = make_ready(&mut machine).unwrap_err();
    assert!(machine.ran.is_empty());
    let finding = error.finding();
    assert!(finding.cause.as_deref().unwrap().contains("requires root"));
    assert!(
        finding
            .fix
            .as_deref()
            .unwrap()
            .contains("sudo env DEBIAN_FRONTEND")
    );
}

#[test]
fn sudo_goes_before_each_command() {
    let mut machine = Scripted {
        root: Some(Root::SudoSilent),
        cures: vec!["sudo -n apt-get install"],
        ..debian()
    };
    make_ready(&mut machine).unwrap();
    assert_eq!(machine.ran[1], "sudo -n dpkg --configure -a");
    assert!(machine.ran[3].starts_with("sudo -n apt-get install"));
}

#[test]
fn other_distributions_get_their_commands() {
    let mut machine = Scripted {
        programs: vec!["dnf"],
        ..Scripted::default()
    };
    let error = make_ready(&mut machine).unwrap_err();
    let fix = error.finding().fix.as_deref().unwrap();
    assert!(
        fix.starts_with("dnf install -y rust cargo rust-src"),
        "{fix}"
    );
}

#[test]
fn a_machine_with_nothing_is_told_where_to_begin() {
    let error = make_ready(&mut Scripted::default()).unwrap_err();
    assert!(
        error
            .finding()
            .fix
            .as_deref()
            .unwrap()
            .contains("install rustup")
    );
}

#[test]
fn a_tool_that_ran_well_and_changed_nothing_is_no_success() {
    let mut machine = Scripted {
        cures: vec![],
        failing: vec![],
        ..debian()
    };
    let error = make_ready(&mut machine).unwrap_err();
    assert!(
        error
            .finding()
            .cause
            .as_deref()
            .unwrap()
            .contains("no compiler with matching rust-src was found")
    );
}

#[test]
fn a_plan_does_nothing() {
    let mut machine = debian();
    let steps = plan_for(&mut machine).unwrap();
    assert!(machine.ran.is_empty());
    let names: Vec<_> = steps.iter().map(|step| (step.step, step.state)).collect();
    assert_eq!(
        names,
        [
            ("rustup-sources", State::Planned),
            ("apt-packages", State::Planned),
            ("linker", State::Planned)
        ]
    );
    // The lists of a fresh machine are empty: what will be on offer is not known yet.
    assert!(
        steps[1]
            .note
            .as_deref()
            .unwrap()
            .contains("chosen after the update")
    );
}

const INSTALL_QEMU: &str =
    "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=60 qemu-system-x86";

#[test]
fn qemu_is_installed_where_it_is_not() {
    let mut machine = Scripted {
        brings: vec![(INSTALL_QEMU, "qemu-system-x86_64")],
        failing: vec!["dpkg"],
        ..debian()
    };
    let planned = vm::plan(&mut machine, Architecture::X86_64).unwrap();
    assert_eq!((planned.step, planned.state), ("qemu", State::Planned));
    assert!(machine.ran.is_empty());
    let done = vm::make(&mut machine, Architecture::X86_64)
        .unwrap()
        .unwrap();
    assert_eq!(done.state, State::Done);
    assert_eq!(
        machine.ran,
        ["dpkg --configure -a", "apt-get update", INSTALL_QEMU]
    );
    assert_eq!(machine.warnings.len(), 1);
    // The second time there is nothing to do.
    assert_eq!(vm::make(&mut machine, Architecture::X86_64).unwrap(), None);
    assert_eq!(vm::plan(&mut machine, Architecture::X86_64), None);
}

#[test]
fn another_architecture_needs_its_qemu_and_a_linker() {
    const INSTALL: &str = "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=60 \
                           qemu-system-arm binutils-aarch64-linux-gnu";
    let mut machine = Scripted {
        brings: vec![(INSTALL, "qemu-system-aarch64"), (INSTALL, "ld.lld")],
        ..debian()
    };
    let done = vm::make(&mut machine, Architecture::Arm64).unwrap();
    assert_eq!(done.unwrap().state, State::Done);
    assert_eq!(machine.ran.last().map(String::as_str), Some(INSTALL));
    assert_eq!(vm::plan(&mut machine, Architecture::Arm64), None);
    // The linker of a toolchain does.
    let mut machine = Scripted {
        programs: vec!["dnf", "ld.lld"],
        ..Scripted::default()
    };
    let planned = vm::plan(&mut machine, Architecture::Arm64).unwrap();
    assert_eq!(
        planned.commands,
        ["dnf install -y qemu-system-aarch64-core"]
    );
}

#[test]
fn a_qemu_that_cannot_be_installed_is_said_with_what_to_type() {
    let failing = |machine: &mut Scripted| {
        let error = vm::make(machine, Architecture::X86_64).unwrap_err();
        assert_eq!(error.code(), "vm-setup-failed");
        let finding = error.finding().clone();
        (finding.cause.unwrap(), finding.fix.unwrap())
    };
    // It fails, it brings no program, there are no rights, it is not apt, there is nothing.
    let (cause, fix) = failing(&mut Scripted {
        failing: vec!["apt-get install"],
        ..debian()
    });
    assert!(
        cause.contains("exit code 100") && fix.contains("qemu-system-x86"),
        "{cause} {fix}"
    );
    let (cause, _) = failing(&mut debian());
    assert!(
        cause.contains("qemu-system-x86_64 is not on PATH"),
        "{cause}"
    );
    let mut machine = Scripted {
        root: None,
        ..debian()
    };
    let (cause, fix) = failing(&mut machine);
    assert!(
        cause.contains("requires root") && fix.contains("sudo env"),
        "{cause} {fix}"
    );
    assert_eq!(
        vm::plan(&mut machine, Architecture::X86_64).unwrap().state,
        State::Failed
    );
    assert!(machine.ran.is_empty());
    let fedora = || Scripted {
        programs: vec!["dnf"],
        ..Scripted::default()
    };
    assert_eq!(
        failing(&mut fedora()).1,
        "dnf install -y qemu-system-x86-core"
    );
    failing(&mut Scripted::default());
}
