//! How a command gets root's rights: they are there, sudo gives them, or not at all.

use std::io::{self, IsTerminal as _};

use ebpf_base::find_program;
use ebpf_build::{Error, Result};

use super::process::Spawner;

use crate::code::Code;

/// A way to root's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// This process has them.
    Here,
    /// sudo, which may ask for a password on the terminal.
    Sudo,
    /// sudo, which gives them without a password.
    SudoSilent,
}

impl Root {
    /// The way there is for this user.
    ///
    /// # Errors
    /// When there is none: not root, and no sudo, or one that would ask for a password
    /// where nobody can type it.
    pub(crate) fn find(spawner: &Spawner) -> Result<Self> {
        if is_root() {
            return Ok(Self::Here);
        }
        if find_program("sudo").is_none() {
            return Err(missing("this user is not root, and sudo is not on PATH"));
        }
        // sudo asks on the terminal itself, wherever stdin comes from.
        if io::stderr().is_terminal() {
            return Ok(Self::Sudo);
        }
        let silent = spawner.program("sudo").args(["-n", "true"]).output()?;
        if silent.status.success() {
            Ok(Self::SudoSilent)
        } else {
            Err(missing(
                "sudo requires a password, and no terminal is available to enter it",
            ))
        }
    }

    /// What goes before the command line.
    pub(crate) fn prefix(self) -> &'static [&'static str] {
        match self {
            Self::Here => &[],
            Self::Sudo => &["sudo"],
            Self::SudoSilent => &["sudo", "-n"],
        }
    }
}

fn missing(cause: &str) -> Error {
    Error::new(Code::RootMissing, "this requires root").because(cause)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
