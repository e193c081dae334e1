//! The program `cargo ebpf`.

#[cfg(cargo_ebpf_no_unwinder)]
mod no_unwinder;

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_ebpf::main()
}
