//! Texts of programs in the cells of a terminal.

use ratatui_core::text::Span;

use crate::view::untrusted;

/// What of a text, made plain, fits into so many columns; `…` where it was cut.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text = untrusted::line(text);
    if Span::raw(&*text).width() <= columns {
        return text.into_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let mut fitting = String::new();
    let mut width = 0_usize;
    for c in text.chars() {
        width = width.saturating_add(Span::raw(&*c.encode_utf8(&mut [0; 4])).width());
        if width > room {
            break;
        }
        fitting.push(c);
    }
    fitting.push('…');
    fitting
}

/// A text, made plain, in lines of so many columns at most, broken between words.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in untrusted::line(text).split(' ') {
        let longer = format!("{line} {word}");
        if line.is_empty() {
            line = fit(word, columns);
        } else if Span::raw(&longer).width() <= columns {
            line = longer;
        } else {
            lines.push(std::mem::replace(&mut line, fit(word, columns)));
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::{fit, wrap};

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("who waits for what", 10), ["who waits", "for what"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("mmap_lock is it", 5), ["mmap…", "is it"]);
    }

    #[test]
    fn what_is_cut_says_so_and_fits() {
        assert_eq!(fit("mmap_lock", 9), "mmap_lock");
        assert_eq!(fit("mmap_lock", 5), "mmap…");
        assert_eq!(fit("锁锁锁", 4), "锁…");
        assert_eq!(fit("lock", 0), "");
    }
}
