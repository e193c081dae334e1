//! The command line as the user typed it, for messages.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use ebpf_base::capability::in_user_namespace;

use super::shell::command_line;

/// This command line as root: a line that works when it is typed. sudo resets PATH and HOME,
/// with which cargo and its toolchains are found.
pub(crate) fn as_root() -> String {
    if in_user_namespace() {
        return "run the command as root, outside of the user namespace".to_owned();
    }
    let program = env::current_exe().map_or_else(|_| "cargo-ebpf".into(), OsString::from);
    line(program, env::args_os().skip(1))
}

/// cargo starts `cargo ebpf` as `cargo-ebpf ebpf`.
fn line(program: OsString, arguments: impl Iterator<Item = OsString>) -> String {
    let mut arguments = arguments.peekable();
    let by_cargo = arguments.peek().is_some_and(|first| first == "ebpf");
    let program = if by_cargo {
        OsStr::new("cargo")
    } else {
        &program
    };
    let words = std::iter::once(program.to_owned()).chain(arguments);
    format!("sudo -E env \"PATH=$PATH\" {}", command_line(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_user_typed() {
        let line = |arguments: &[&str]| {
            let arguments = arguments.iter().map(OsString::from);
            line("/a b/cargo-ebpf".into(), arguments)
        };
        assert_eq!(
            line(&["ebpf", "verify", "an object"]),
            "sudo -E env \"PATH=$PATH\" cargo ebpf verify 'an object'"
        );
        assert_eq!(
            line(&["verify", "--hot"]),
            "sudo -E env \"PATH=$PATH\" '/a b/cargo-ebpf' verify --hot"
        );
    }
}
