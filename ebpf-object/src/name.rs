//! Text that comes out of an object file, and how it is kept from the terminal.

use std::fmt;

use ebpf_base::untrusted;
use serde::Serialize;

/// A name found in an object: of a section, a symbol, a type or a source file.
///
/// Whoever made the object chose it, so [`fmt::Display`] writes characters that
/// would steer a terminal or hide text as escapes. [`Name::as_str`] and JSON have
/// the name as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name as the object has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as the source has it, if it is a Rust symbol; else itself.
    #[must_use]
    pub fn demangled(&self) -> Self {
        match rustc_demangle::try_demangle(&self.0) {
            Ok(demangled) => Self(format!("{demangled:#}")),
            Err(_) => self.clone(),
        }
    }
}

impl<T: Into<String>> From<T> for Name {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&untrusted::line(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_never_sent() {
        let name = Name::from("a\u{1b}[31mred\u{9b}2J\r\n\u{202e}x");
        let shown = name.to_string();
        assert_eq!(shown, r"a\u{1b}[31mred\u{9b}2J\r\n\u{202e}x");
        assert!(!shown.chars().any(char::is_control));
        assert_eq!(name.as_str(), "a\u{1b}[31mred\u{9b}2J\r\n\u{202e}x");
    }

    #[test]
    fn rust_symbols_are_readable() {
        let name = Name::from("_RNvCs4cFDDPmP5Ts_7aya_btf5count");
        assert_eq!(name.demangled().as_str(), "aya_btf::count");
        assert_eq!(Name::from("memcpy").demangled().as_str(), "memcpy");
    }

    #[test]
    fn names_pad_as_text_does() {
        assert_eq!(format!("[{:>5}]", Name::from("ab")), "[   ab]");
    }
}
