//! The program `cargo ebpf`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_ebpf::main()
}
