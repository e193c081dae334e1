//! The program `lock`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lock::main()
}
