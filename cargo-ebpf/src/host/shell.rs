//! Command lines as a shell reads them.

use std::ffi::OsStr;

/// Words as a shell would take them, each quoted only where it must be.
pub(crate) fn command_line<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| {
            let word = word.as_ref().to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word.into_owned()
            } else {
                quote(&word)
            }
        })
        .collect();
    words.join(" ")
}

/// `word` in single quotes, for every POSIX shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(
            command_line([
                "cargo",
                "-Z",
                "build-std=core,alloc",
                "a b",
                "",
                "it's",
                "$x"
            ]),
            r#"cargo -Z build-std=core,alloc 'a b' '' 'it'\''s' '$x'"#
        );
    }
}
