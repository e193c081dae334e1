//! The environment of an eBPF build, as shell commands.

use serde::Serialize;

use super::Report;
use crate::host::shell::quote;

#[derive(Debug, Serialize)]
pub(crate) struct Exports {
    pub(crate) exports: Vec<Export>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

impl Report for Exports {
    fn human(&self) -> String {
        let mut text =
            "# for a POSIX shell: eval \"$(cargo ebpf env)\", then run cargo in an eBPF crate's directory".to_owned();
        for Export { name, value } in &self.exports {
            text += &format!("\nexport {name}={}", quote(value));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let nasty = "a b'c\"d$HOME`id`\\ \n*;#é";
        let text = Exports {
            exports: vec![Export {
                name: "NASTY",
                value: nasty.to_owned(),
            }],
        }
        .human();
        let output = Command::new("sh")
            .args(["-c", "eval \"$1\"; printf %s \"$NASTY\"", "sh", &text])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), nasty);
    }
}
