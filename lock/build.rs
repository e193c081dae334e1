//! Embeds the eBPF programs, built from ../lock-ebpf or, in a package, prebuilt; and tells tests which of the programs that they start are here:
//! those of a library cannot say when they run that they cannot.

use std::process::{Command, Stdio};

/// A condition of tests, and a command that succeeds where it holds.
const CONDITIONS: [(&str, &[&str]); 2] = [
    ("has_python3", &["python3", "--version"]),
    // Not in a root that was changed to by chroot.
    (
        "has_user_namespaces",
        &["unshare", "--user", "--map-root-user", "--mount", "true"],
    ),
];

fn main() -> ebpf_build::Result<()> {
    for (name, command) in CONDITIONS {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if succeeds(command) {
            println!("cargo::rustc-cfg={name}");
        }
    }
    println!("cargo::rerun-if-env-changed=PATH");
    ebpf_build::Embed::new("../lock-ebpf")
        .prebuilt("ebpf")
        .run()
}

fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else {
        return false;
    };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
