//! Names of an object as Rust identifiers.

use std::collections::HashSet;

/// Keywords of all editions, which need `r#`.
const KEYWORDS: [&str; 47] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while",
];

/// Keywords that cannot be identifiers.
const RESERVED: [&str; 6] = ["crate", "self", "Self", "super", "yield", "_"];

/// The identifiers of one scope. None occurs twice.
#[derive(Debug, Default)]
pub(super) struct Scope(HashSet<String>);

impl Scope {
    /// A scope in which these identifiers are taken.
    pub(super) fn with(taken: &[&str]) -> Self {
        Self(taken.iter().map(|&name| name.to_owned()).collect())
    }

    /// The identifier of a program, map or variable: a constant is in lower case, other characters
    /// are underscores, and a number follows an identifier that is taken.
    pub(super) fn identifier(&mut self, name: &str) -> String {
        let base = sanitized(name);
        let numbered = (2_u64..).map(|number| format!("{base}_{number}"));
        let free = std::iter::once(base.clone())
            .chain(numbered)
            .find(|candidate| !self.0.contains(candidate))
            .unwrap_or(base);
        self.0.insert(free.clone());
        raw(&free)
    }
}

fn sanitized(name: &str) -> String {
    let is_constant = !name.chars().any(char::is_lowercase);
    let part = |character: char| match character {
        _ if !character.is_ascii_alphanumeric() => '_',
        _ if is_constant => character.to_ascii_lowercase(),
        _ => character,
    };
    let mut text: String = name.chars().map(part).collect();
    if text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit()) {
        text.insert(0, '_');
    }
    if RESERVED.contains(&text.as_str()) {
        text.push('_');
    }
    text
}

/// An identifier, also where it is a keyword.
pub(super) fn raw(identifier: &str) -> String {
    match KEYWORDS.contains(&identifier) {
        true => format!("r#{identifier}"),
        false => identifier.to_owned(),
    }
}

/// Whether a name is a Rust identifier, apart from keywords.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        for (name, identifier) in [
            ("sched_switch", "sched_switch"),
            ("EVENTS", "events"),
            ("PerCpu", "PerCpu"),
            ("a-b.c", "a_b_c"),
            ("4GB", "_4gb"),
            ("loop", "r#loop"),
            ("TYPE", "r#type"),
            ("self", "self_"),
            ("_", "__"),
            ("", "_"),
            ("zähler\n*/", "z_hler___"),
        ] {
            // Of an empty name only its underscore is left.
            let expected = if name.is_empty() { "__" } else { identifier };
            assert_eq!(Scope::default().identifier(name), expected, "{name:?}");
        }
    }

    #[test]
    fn no_identifier_occurs_twice() {
        let mut scope = Scope::with(&["ebpf"]);
        let names = ["COUNT", "count", "count_2", "Count", "ebpf", "loop", "LOOP"];
        let identifiers = names.map(|name| scope.identifier(name));
        assert_eq!(
            identifiers,
            [
                "count",
                "count_2",
                "count_2_2",
                "Count",
                "ebpf_2",
                "r#loop",
                "loop_2"
            ]
        );
    }
}
