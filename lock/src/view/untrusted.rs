//! Text that others chose (names of threads, functions, files), made fit for a terminal:
//! what would steer it, or make one name read as another, is written out.

use std::borrow::Cow;

/// `text` on one line, with every character that would steer a terminal as an escape.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Control characters (C0, DEL, C1), line separators, and the marks that reorder
/// or hide what follows them (Unicode's `Bidi_Control`, zero-width characters).
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_passes() {
        assert_eq!(
            line("a\u{1b}[31mb\r\u{9b}c\n"),
            "a\\u{1b}[31mb\\r\\u{9b}c\\n"
        );
        assert_eq!(line("x\u{202e}gnp.exe"), "x\\u{202e}gnp.exe");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["server[12]", "größe", "锁", "fn<u8, \"x\">"] {
            assert!(matches!(line(text), Cow::Borrowed(_)));
        }
    }
}
