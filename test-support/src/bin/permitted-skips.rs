//! `permitted-skips LOG`: prints which tests were skipped, and fails where one is not in
//! `permitted-skips.toml`.

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
};

use test_support::Skips;

fn main() -> io::Result<ExitCode> {
    let path = env::args_os().nth(1).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "usage: permitted-skips LOG, a file with the output of test programs",
        )
    })?;
    // Tests may print anything.
    let log = fs::read(path)?;
    let skips = Skips::in_log(&String::from_utf8_lossy(&log));
    write!(io::stdout(), "{skips}")?;
    Ok(if skips.are_permitted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
