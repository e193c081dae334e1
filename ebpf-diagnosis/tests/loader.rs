//! The example loader, with a program that this kernel rejects.

use std::{env, error::Error, path::Path, process::Command};

use ebpf_base::capability::Capabilities;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() {
    let trials = vec![Trial::ignorable_test(
        "a_loader_prints_why_its_program_was_rejected",
        || {
            let missing = Capabilities::effective()
                .unwrap_or_default()
                .missing_for_bpf();
            match missing.first() {
                Some(capability) => Ok(Completion::ignored_with(format!(
                    "loading needs {}",
                    capability.name()
                ))),
                None => rejected().map_err(|error| Failed::from(error.to_string())),
            }
        },
    )];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn rejected() -> Result<Completion, Box<dyn Error>> {
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
            return Err(format!("no {expected:?} in:\n{text}").into());
        }
    }
    Ok(Completion::Completed)
}
