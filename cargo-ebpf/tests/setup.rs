//! `setup` with made-up package managers, in a mount namespace that hides every
//! compiler with library sources. What it would install for real is not tried here.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
};

use test_support::{Outcome, Suite, Test, machine::MOUNT_NAMESPACE, tests};

type OnMachine = fn(&Machine) -> Outcome;

const TESTS: &[Test<OnMachine>] = tests![
    a_dry_run_changes_nothing,
    ways_are_tried_in_order,
    a_failing_apt_leads_to_exact_commands,
    without_rights_nothing_is_run,
    sudo_never_waits_for_a_password,
    a_machine_without_any_manager_is_told_so
];

fn main() -> ExitCode {
    Suite::new()
        .needing(&[MOUNT_NAMESPACE])
        .tests_with(TESTS, |run| run(&Machine::new()))
        .run()
}

/// A folder with programs that write down how they were called.
struct Machine {
    folder: tempfile::TempDir,
}

/// Empty folders over the places where library sources may lie.
const HIDE: &str = "for sources in /usr/lib/rustlib/src /usr/local/lib/rustlib/src \
    /usr/lib/rust-*/lib/rustlib/src; do \
    if [ -d \"$sources\" ]; then mount -t tmpfs none \"$sources\"; fi; done; exec \"$@\"";

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        open_to_all(machine.folder.path());
        fs::create_dir(machine.path("bin")).unwrap();
        fs::write(machine.path("calls"), "").unwrap();
        fs::set_permissions(machine.path("calls"), fs::Permissions::from_mode(0o666)).unwrap();
        // Not every user may enter the folder where cargo put it.
        fs::copy(env!("CARGO_BIN_EXE_cargo-ebpf"), machine.path("cargo-ebpf")).unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", machine.path("bin/env")).unwrap();
        machine
    }

    /// A Debian with rustup: its server is out of reach, apt has what is needed.
    fn debian(&self) {
        self.program(
            "rustup",
            "[ \"$1\" = toolchain ] && { echo nightly-x86_64-unknown-linux-gnu; exit; }\nexit 1",
        );
        self.program(
            "apt-cache",
            "for name in rustc-web cargo-web rust-web-src; do\n\
             printf '%s:\\n  Installed: (none)\\n  Candidate: 1.96.0+dfsg1-1~deb12u2\\n' $name\ndone",
        );
        self.program("apt-get", "exit 0");
        self.program("dpkg", "exit 0");
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        let calls = self.path("calls");
        let script = format!(
            "#!/bin/sh\necho \"{name} $*\" >> {}\n{script}\n",
            calls.display()
        );
        fs::write(&path, script).unwrap();
        open_to_all(&path);
    }

    fn setup(&self, wrapper: &[&str], arguments: &[&str]) -> Output {
        Command::new("unshare")
            .args(["--mount", "sh", "-c", HIDE, "sh"])
            .args(wrapper)
            .args(["/usr/bin/env", "-i"])
            .arg(format!("PATH={}", self.path("bin").display()))
            .arg(format!("HOME={}", self.path("home").display()))
            .arg(self.path("cargo-ebpf"))
            .arg("setup")
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// What was called and can change something.
    fn changes(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap();
        let reads = ["rustup toolchain list", "apt-cache policy", "sudo -n true"];
        calls
            .lines()
            .filter(|call| !reads.iter().any(|read| call.starts_with(read)))
            .map(str::to_owned)
            .collect()
    }
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

const INSTALL: &str = "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=60 rustc-web cargo-web rust-web-src";

fn check(holds: bool, output: &Output) -> Outcome {
    if holds {
        return Ok(());
    }
    Err(format!(
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

fn equal(found: &[String], wanted: &[&str]) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(format!("called: {found:#?}\nwanted: {wanted:#?}").into())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn a_dry_run_changes_nothing(machine: &Machine) -> Outcome {
    machine.debian();
    let output = machine.setup(&[], &["--dry-run"]);
    let plan = String::from_utf8_lossy(&output.stdout).into_owned();
    check(output.status.success(), &output)?;
    for part in [
        "would run: rustup component add rust-src --toolchain nightly",
        INSTALL,
        "bpf-linker",
    ] {
        check(plan.contains(part), &output)?;
    }
    equal(&machine.changes(), &[])?;

    let output = machine.setup(&[], &["--dry-run", "--format", "json"]);
    let document = test_support::document(&output.stdout).map_err(|_| stderr(&output))?;
    let steps: Vec<&str> = document["steps"]
        .as_array()
        .ok_or("no steps")?
        .iter()
        .filter_map(|step| step["step"].as_str())
        .collect();
    check(
        steps == ["rustup-sources", "apt-packages", "linker"],
        &output,
    )
}

fn ways_are_tried_in_order(machine: &Machine) -> Outcome {
    machine.debian();
    let output = machine.setup(&[], &[]);
    equal(
        &machine.changes(),
        &[
            "rustup component add rust-src --toolchain nightly",
            "dpkg --configure -a",
            "apt-get update",
            INSTALL,
        ],
    )?;
    // Each is printed before it runs.
    let said = stderr(&output);
    let announced = said.find("$ env DEBIAN_FRONTEND=noninteractive apt-get install");
    check(announced.is_some(), &output)?;
    // These packages were made up: what is still missing is said.
    check(output.status.code() == Some(1), &output)?;
    check(
        said.contains("no compiler with matching rust-src was found"),
        &output,
    )
}

fn a_failing_apt_leads_to_exact_commands(machine: &Machine) -> Outcome {
    machine.debian();
    machine.program("apt-get", "echo 'E: Could not resolve' >&2; exit 100");
    let output = machine.setup(&[], &[]);
    let said = stderr(&output);
    check(output.status.code() == Some(1), &output)?;
    for part in [
        "error[setup-failed]",
        "E: Could not resolve",
        "apt-get update` ended with exit code 100",
        "fix: rustup component add rust-src --toolchain nightly",
        INSTALL,
    ] {
        check(said.contains(part), &output)?;
    }
    Ok(())
}

fn without_rights_nothing_is_run(machine: &Machine) -> Outcome {
    machine.debian();
    fs::remove_file(machine.path("bin/rustup")).unwrap();
    let output = machine.setup(&NOBODY, &[]);
    check(output.status.code() == Some(1), &output)?;
    check(
        stderr(&output).contains("this user is not root, and sudo is not on PATH"),
        &output,
    )?;
    check(
        stderr(&output).contains("sudo env DEBIAN_FRONTEND=noninteractive apt-get update"),
        &output,
    )?;
    equal(&machine.changes(), &[])
}

fn sudo_never_waits_for_a_password(machine: &Machine) -> Outcome {
    machine.debian();
    fs::remove_file(machine.path("bin/rustup")).unwrap();
    // As sudo does with -n: it fails where it would have to ask.
    machine.program(
        "sudo",
        "[ \"$1\" = -n ] && exit 1\nread password < /dev/tty",
    );
    let output = machine.setup(&NOBODY, &[]);
    check(
        stderr(&output).contains("no terminal is available to enter it"),
        &output,
    )?;
    equal(&machine.changes(), &[])?;

    machine.program("sudo", "[ \"$2\" = true ] && exit\nshift; exec \"$@\"");
    machine.setup(&NOBODY, &[]);
    let changes = machine.changes();
    let through_sudo = changes
        .iter()
        .filter(|call| call.starts_with("sudo -n env "))
        .count();
    if through_sudo != 3 {
        return Err(format!("called: {changes:#?}").into());
    }
    Ok(())
}

fn a_machine_without_any_manager_is_told_so(machine: &Machine) -> Outcome {
    let output = machine.setup(&[], &["--format", "json"]);
    let document = test_support::document(&output.stdout).map_err(|_| stderr(&output))?;
    check(document["error"]["code"] == "setup-failed", &output)?;
    let fix = document["error"]["fix"].as_str().unwrap_or_default();
    check(
        fix.contains("rustup toolchain install nightly --component rust-src"),
        &output,
    )
}
