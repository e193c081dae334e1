//! How a program ended, as an exit code.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

/// The exit code as shells give it: of a program that a signal ended, 128 and the
/// signal's number.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn exit_codes_are_the_shells() {
        let status = |script| Command::new("sh").args(["-c", script]).status().unwrap();
        assert_eq!(exit_code(status("exit 3")), 3);
        assert_eq!(exit_code(status("kill -TERM $$")), 143);
    }
}
