//! Names of functions made shorter where there is no room: what tells them apart is mostly
//! at their end.

/// `in Queue<…>::push (server)` for `in server::queue::Queue<server::Job>::push (server)`.
pub(super) fn abbreviate(label: &str) -> String {
    let label = without_arguments(label).unwrap_or_else(|| label.to_owned());
    let words: Vec<&str> = label.split(' ').map(last_segments).collect();
    words.join(" ")
}

/// Puts … for type arguments. None if the brackets are not in pairs, as in `operator<`.
fn without_arguments(label: &str) -> Option<String> {
    let mut short = String::new();
    let mut depth = 0_usize;
    let mut before = ' ';
    for character in label.chars() {
        // `->` is no bracket.
        let closes = character == '>' && before != '-';
        if closes {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            short.push(character);
        }
        if character == '<' {
            if depth == 0 {
                short.push('…');
            }
            depth = depth.checked_add(1)?;
        }
        before = character;
    }
    (depth == 0).then_some(short)
}

/// The last two segments of a path.
fn last_segments(word: &str) -> &str {
    let before = word.rmatch_indices("::").nth(1);
    before
        .and_then(|(at, separator)| word.get(at.checked_add(separator.len())?..))
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::abbreviate;

    #[test]
    fn the_end_of_a_name_stays() {
        for (label, short) in [
            (
                "in server::queue::Queue<server::Job>::push (server[1] 0x10)",
                "in Queue<…>::push (server[1] 0x10)",
            ),
            ("in a::b::run::{{closure}}", "in run::{{closure}}"),
            ("<alloc::vec::Vec<T> as core::Drop>::drop", "<…>::drop"),
            ("fdget_pos", "fdget_pos"),
            ("a::b::operator<", "b::operator<"),
            ("a::T::operator->", "T::operator->"),
            ("", ""),
        ] {
            assert_eq!(abbreviate(label), short);
        }
    }
}
