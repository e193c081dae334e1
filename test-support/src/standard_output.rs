//! Standard outputs that are full, closed, or a pipe that nobody reads.

use std::process::{Command, Output};

/// Checks that each command of `program` is an error where its result cannot be written.
///
/// # Panics
/// When one is not, or panics itself.
pub fn expect_error_where_nothing_can_be_written(program: &str, commands: &[&[&str]]) {
    for arguments in commands {
        for redirection in [">/dev/full", ">&-"] {
            let output = redirected(program, arguments, redirection);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let context = format!("{arguments:?} {redirection} {stderr}");
            assert_eq!(output.status.code(), Some(1), "{context}");
            assert!(stderr.contains("could not write"), "{context}");
            assert!(!stderr.contains("panicked"), "{context}");
        }
    }
}

/// Checks that each command of `program` succeeds where a reader closes the pipe early.
///
/// # Panics
/// When one does not.
pub fn expect_success_where_a_reader_has_seen_enough(program: &str, commands: &[&[&str]]) {
    for arguments in commands {
        let output = redirected(program, arguments, "| head -c 1; exit ${PIPESTATUS[0]}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

/// Runs the command with the redirection that a shell understands.
fn redirected(program: &str, arguments: &[&str], redirection: &str) -> Output {
    let script = format!("\"$@\" {redirection}");
    Command::new("bash")
        .args(["-c", &script, "bash", program])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("bash: {error}"))
}
