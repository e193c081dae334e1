//! Text that came out of an object or a kernel log, made fit for a terminal.

use std::fmt::Write as _;

/// Characters that reorder the text around them: they make a name read as another.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with every control character but tab and newline written out, so that no
/// escape sequence reaches a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && !matches!(c, '\t' | '\n')) || reorders(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A name on one line, at most `NAME_LENGTH` characters long.
pub(crate) fn name(text: &str) -> String {
    const NAME_LENGTH: usize = 128;
    let mut shown = printable(text).replace(['\n', '\t'], " ");
    if let Some((end, _)) = shown.char_indices().nth(NAME_LENGTH) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_passes() {
        assert_eq!(
            printable("a\u{1b}[31mb\r\u{9b}c\td\n"),
            "a\\u{1b}[31mb\\u{d}\\u{9b}c\td\n"
        );
        assert_eq!(printable("x\u{202e}gnp.exe"), "x\\u{202e}gnp.exe");
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(name("a\nb"), "a b");
        assert_eq!(name(&"é".repeat(500)).chars().count(), 129);
    }
}
