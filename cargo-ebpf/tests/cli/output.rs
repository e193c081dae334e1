//! Where a result goes: a standard output that is full, closed, or a pipe that nobody reads.

use std::process::{Command, Output};

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify/objects/plain.o");

const COMMANDS: &[&[&str]] = &[
    &["--help"],
    &["verify", "--help"],
    &["--version"],
    &["man"],
    &["completions", "bash"],
    &["explain"],
    &["explain", "packet-bounds"],
    &["requirements", OBJECT],
    &["requirements", "--format", "json", OBJECT],
    &["inspect", "--disasm", OBJECT],
];

/// Runs the command with the redirection that a shell understands.
fn redirected(arguments: &[&str], redirection: &str) -> Output {
    let script = format!("\"$@\" {redirection}");
    Command::new("bash")
        .args(["-c", &script, "bash", env!("CARGO_BIN_EXE_cargo-ebpf")])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    for arguments in COMMANDS {
        for redirection in [">/dev/full", ">&-"] {
            let output = redirected(arguments, redirection);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(1),
                "{arguments:?} {redirection} {said}"
            );
            assert!(
                said.contains("could not write"),
                "{arguments:?} {redirection} {said}"
            );
            assert!(
                !said.contains("panicked"),
                "{arguments:?} {redirection} {said}"
            );
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_not_an_error() {
    for arguments in COMMANDS {
        let output = redirected(arguments, "| head -c 1; exit ${PIPESTATUS[0]}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}
