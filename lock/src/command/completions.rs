//! `lock completions`: what a shell needs to complete command lines.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Generator as _, Shell};

use crate::{
    cli::{Cli, Completions},
    error::{Error, Result},
    output::Output,
};

/// Writes the script of a shell.
pub(crate) fn run(arguments: &Completions) -> Result<ExitCode> {
    Output::Stdout.write(&script(arguments.shell)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A shell's script.
fn script(shell: Shell) -> Result<String> {
    let mut command = Cli::command();
    command.set_bin_name("lock");
    command.build();
    let mut script = Vec::new();
    shell
        .try_generate(&command, &mut script)
        .map_err(|error| failed().because_of(&error))?;
    String::from_utf8(script).map_err(|error| failed().because_of(&error))
}

fn failed() -> Error {
    Error::new("completions", "the completions could not be written")
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use clap::ValueEnum as _;
    use clap_complete::Shell;

    use super::script;

    #[test]
    fn every_shell_learns_every_command() {
        for &shell in Shell::value_variants() {
            let script = script(shell).unwrap();
            for word in ["record", "workload", "completions", "duration"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn bash_understands_its_script_and_completes_with_it() {
        // As an interactive bash would: two words are there, the second one is unfinished.
        let asked = "
            set -e
            COMP_WORDS=(lock rec)
            COMP_CWORD=1
            _lock lock rec lock
            printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("{}\n{asked}\n", script(Shell::Bash).unwrap());
        let mut stdin = bash.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        let output = bash.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "record\n");
    }
}
