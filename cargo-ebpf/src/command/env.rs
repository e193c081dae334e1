//! `env`: what a shell needs for cargo to build an eBPF crate by hand.

use std::ffi::OsString;

use ebpf_build::{Error, Result, linker, toolchain::Toolchain};
use serde::Serialize;

use crate::{
    cli::Global,
    host::process::quote,
    outcome::Outcome,
    report::{self, Report},
};

#[derive(Debug, Serialize)]
struct Exports {
    exports: Vec<Export>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Export {
    name: &'static str,
    value: String,
}

/// Runs the command.
pub(crate) fn run(global: &Global) -> Result<Outcome> {
    let toolchain = Toolchain::find()?;
    let linker = linker::find(&toolchain)?;
    let exports = toolchain
        .exports(&linker)?
        .into_iter()
        .map(export)
        .collect::<Result<_>>()?;
    report::write(&Exports { exports }, global.format)?;
    Ok(Outcome::Fine)
}

/// # Errors
/// When the value is no Unicode: half an environment would be worse than none.
fn export((name, value): (&'static str, OsString)) -> Result<Export> {
    let value = value.into_string().map_err(|value| {
        Error::new(
            "env-not-unicode",
            format!("{name} cannot be written for a shell"),
        )
        .because(format!("{} is not valid Unicode", value.display()))
    })?;
    Ok(Export { name, value })
}

impl Report for Exports {
    fn human(&self) -> String {
        let mut text =
            "# for a POSIX shell, in an eBPF crate's folder: eval \"$(cargo ebpf env)\"".to_owned();
        for Export { name, value } in &self.exports {
            text += &format!("\nexport {name}={}", quote(value));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::ffi::OsStringExt as _, process::Command};

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let nasty = "a b'c\"d$HOME`id`\\ \n*;#é";
        let text = Exports {
            exports: vec![export(("NASTY", nasty.into())).unwrap()],
        }
        .human();
        let output = Command::new("sh")
            .args(["-c", "eval \"$1\"; printf %s \"$NASTY\"", "sh", &text])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), nasty);
    }

    #[test]
    fn what_is_no_unicode_is_refused() {
        let value = OsString::from_vec(vec![b'/', 0xff]);
        assert_eq!(
            export(("PATH", value)).unwrap_err().code(),
            "env-not-unicode"
        );
    }
}
