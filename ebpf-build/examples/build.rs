//! Builds the eBPF crate in a directory, and prints where its objects are:
//!
//! ```console
//! $ cargo run --example build -- path/to/my-ebpf
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

use std::{env, process::ExitCode};

use ebpf_build::{Build, Code};

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1) else {
        eprintln!("usage: build DIRECTORY");
        return ExitCode::from(2);
    };
    match Build::new(directory).run() {
        Ok(artifacts) => {
            for artifact in artifacts {
                println!(
                    "{} ({} bytes)",
                    artifact.path.display(),
                    artifact.content.len()
                );
                for warning in artifact.warnings {
                    println!("  warning: {}", warning.message);
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(Code::ToolchainMissing | Code::LinkerMissing) = Code::of(&error) {
                eprintln!("this machine cannot build for BPF yet");
            }
            ExitCode::FAILURE
        }
    }
}
