//! Names of projects: names of packages for cargo, and of crates for rustc.

use std::fmt;

use ebpf_build::{Error, Result};

use crate::code::Code;

/// A name that cargo and rustc accept for the packages of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// Names that would hide a crate, or that cargo uses for directories of its own.
const TAKEN: &[&str] = &[
    "alloc",
    "aya",
    "aya-ebpf",
    "build",
    "core",
    "deps",
    "ebpf-build",
    "ebpf-test",
    "examples",
    "incremental",
    "libc",
    "proc-macro",
    "proc_macro",
    "std",
    "test",
];

/// From the Rust reference, with those reserved for the future.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// With it, lines of the sources fit into the width of rustfmt.
const LONGEST: usize = 40;

impl Name {
    /// # Errors
    /// When cargo or rustc would not accept it, or it would hide another crate.
    pub(crate) fn new(text: &str) -> Result<Self> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(Error::new(
                Code::ProjectName,
                format!("{text:?} is not a valid project name"),
            )
            .because(fault)
            .fix("use letters, digits, - and _, such as my-project")),
        }
    }

    /// The name as an identifier.
    pub(crate) fn identifier(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fault(text: &str) -> Option<String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let strange = text.chars().find(|letter| !allowed(*letter));
    if text.is_empty() {
        Some("it is empty".to_owned())
    } else if let Some(strange) = strange {
        Some(format!("a crate name cannot contain {strange:?}"))
    } else if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        Some("a crate name must start with a letter".to_owned())
    } else if text.len() > LONGEST {
        Some(format!("it is longer than {LONGEST} characters"))
    } else if KEYWORDS.contains(&text) {
        Some("it is a keyword of Rust".to_owned())
    } else if TAKEN.contains(&text) {
        Some("it is reserved by cargo or Rust, or is the name of a dependency".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_crates_are_accepted() {
        for name in [
            "a",
            "watch",
            "my-project",
            "my_project2",
            "X",
            &"n".repeat(LONGEST),
        ] {
            assert_eq!(Name::new(name).unwrap().to_string(), name);
        }
        assert_eq!(Name::new("a-b").unwrap().identifier(), "a_b");
    }

    #[test]
    fn other_names_are_rejected_with_the_reason() {
        for (name, cause) in [
            ("", "empty"),
            ("a b", "' '"),
            ("../up", "'.'"),
            ("a/b", "'/'"),
            ("nämlich", "'ä'"),
            ("3d", "must start with a letter"),
            ("-x", "must start with a letter"),
            ("_", "must start with a letter"),
            ("match", "keyword"),
            ("std", "reserved"),
            ("aya", "reserved"),
            (&"n".repeat(LONGEST + 1), "longer"),
        ] {
            let error = Name::new(name).unwrap_err();
            assert_eq!(error.code(), "project-name");
            let text = error.to_string();
            assert!(text.contains(cause), "{name}: {text}");
        }
    }
}
