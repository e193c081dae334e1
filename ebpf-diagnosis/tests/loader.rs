//! The example loader, with a program that this kernel rejects.

use std::{env, path::Path, process::Command, process::ExitCode};

use test_support::{Failed, Outcome, Suite, Test, machine::CAPABILITIES, tests};

const TESTS: &[Test<fn() -> Outcome>] =
    tests![a_loader_prints_why_its_program_was_rejected: [CAPABILITIES]];

fn main() -> ExitCode {
    Suite::new().tests(TESTS).run()
}

fn a_loader_prints_why_its_program_was_rejected() -> Outcome {
    let object = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../cargo-ebpf/tests/rejections/objects/packet-bounds.o");
    // Cargo builds examples beside the tests.
    let this = env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("no target directory")?;
    let output = Command::new(target.join("examples/loader"))
        .arg(&object)
        .arg("filter")
        .output()?;
    let text = String::from_utf8(output.stderr)?;
    for expected in [
        "verifier::packet-bounds",
        "packet-bounds.rs:",
        "data_end",
        "in bounds",
    ] {
        if !text.contains(expected) {
            return Err(Failed::from(format!("no {expected:?} in:\n{text}")));
        }
    }
    Ok(())
}
