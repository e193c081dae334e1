//! Text of names and numbers.

use std::fmt::Write as _;

/// The beginning of a text, of whole characters and at most so many bytes.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    let longest = most.min(text.len());
    let end = (0..=longest).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
