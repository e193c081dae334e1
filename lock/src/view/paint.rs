//! Colours of tables on a terminal. [`Output`](crate::output::Output) removes them where the
//! environment forbids them (`NO_COLOR`, `TERM=dumb`).

use anstyle::{AnsiColor, Style};

/// Names of columns and facts.
pub(super) const NAME: Style = Style::new().bold();
/// What is wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What deserves attention.
pub(super) const NOTABLE: Style = AnsiColor::Yellow.on_default();
/// What is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();

/// Whether text is painted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// A text in a style.
    pub(super) fn text(self, style: Style, text: &str) -> String {
        if self.0 {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A line whose first word, or words, are in a style, if it begins with them.
    pub(super) fn first(self, style: Style, first: &str, line: &str) -> String {
        let text = line.trim_start();
        let indent = line.get(..line.len() - text.len()).unwrap_or_default();
        match text.strip_prefix(first) {
            Some(rest) => format!("{indent}{}{rest}", self.text(style, first)),
            None => line.to_owned(),
        }
    }
}

/// The style of a part of a whole: a large one is conspicuous.
pub(super) fn share(part: u64, whole: u64) -> Style {
    match part as f64 / whole.max(1) as f64 {
        0.5.. => BAD,
        0.1.. => NOTABLE,
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{GOOD, NAME, Paint};

    #[test]
    fn only_the_first_words_are_painted_and_only_if_that_is_asked_for() {
        let painted = Paint(true).first(NAME, "total", "  total 5");
        assert_eq!(painted, "  \u{1b}[1mtotal\u{1b}[0m 5");
        assert_eq!(Paint(true).first(GOOD, "total", " 5 total"), " 5 total");
        assert_eq!(Paint(false).first(NAME, "total", "total 5"), "total 5");
    }
}
