//! Text of unknown origin (names in an object, a kernel's log, paths), made safe for a
//! terminal: characters that would control it, or make one name read as another, are
//! escaped.

use std::borrow::Cow;

/// `text` on one line: characters that control a terminal are escaped.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, &[])
}

/// As [`line()`], but line ends and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, &['\n', '\t'])
}

/// The length after which [`name()`] cuts a name, in characters.
const NAME_LENGTH: usize = 128;

/// A name on one line, cut after 128 characters.
pub fn name(text: &str) -> String {
    let mut shown = line(text).into_owned();
    if let Some((end, _)) = shown.char_indices().nth(NAME_LENGTH) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn escape<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let unfit = |character: char| steers(character) && !kept.contains(&character);
    if !text.chars().any(unfit) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if unfit(character) {
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
            lines("a\u{1b}[31mb\r\u{9b}c\td\n"),
            "a\\u{1b}[31mb\\r\\u{9b}c\td\n"
        );
        assert_eq!(line("x\u{202e}gnp.exe"), "x\\u{202e}gnp.exe");
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(name("a\nb"), "a\\nb");
        assert_eq!(name(&"é".repeat(500)).chars().count(), 129);
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["tp_btf/contention_begin", "größe", "锁", "fn<u8, \"x\">"] {
            assert!(matches!(line(text), Cow::Borrowed(_)));
        }
    }
}
