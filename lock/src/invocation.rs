//! Commands that messages print, so that they work when they are typed: sudo's `secure_path`
//! lacks the directory in which cargo installs programs.

use std::env;

/// In place of [`as_root`] in a user namespace, where no capability counts for BPF.
pub(crate) const OUTSIDE_USER_NAMESPACE: &str = "run lock outside of this user namespace, as root";

/// This command line, run as root.
pub(crate) fn as_root() -> String {
    let arguments: Vec<String> = env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    command_as_root(&arguments)
}

fn command_as_root(arguments: &[String]) -> String {
    let mut words = vec![program_as_root()];
    words.extend(arguments.iter().map(|argument| quoted(argument)));
    words.join(" ")
}

/// This program, run as root: its arguments follow.
pub(crate) fn program_as_root() -> String {
    format!("sudo {}", this_program())
}

/// The path of this program, quoted for a shell.
pub(crate) fn this_program() -> String {
    match env::current_exe() {
        Ok(path) => quoted(&path.to_string_lossy()),
        // Where it cannot be read, as the shell finds it.
        Err(_) => "\"$(command -v lock)\"".to_owned(),
    }
}

/// A word as a shell reads it. Without NUL, which no argument and no path can contain, it can
/// always be quoted.
pub(crate) fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{command_as_root, this_program};

    #[test]
    fn a_shell_finds_this_program_whatever_path_is_searched() {
        let script = format!("PATH=/nowhere; {} --list", this_program());
        let output = Command::new("/bin/sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("a_shell_finds_this_program"), "{output:?}");
    }

    #[test]
    fn root_gets_the_same_arguments() {
        let arguments = ["record", "--", "sh", "-c", "echo 'a b'"].map(ToOwned::to_owned);
        let command = command_as_root(&arguments);
        let words = shlex::split(&command).unwrap();
        assert_eq!(words[0], "sudo");
        assert!(words[1].starts_with('/'), "{command}");
        assert_eq!(words[2..], arguments);
    }
}
