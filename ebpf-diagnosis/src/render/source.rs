//! Source files as reports quote them.

use std::{
    env, fs,
    io::Read as _,
    ops::Range,
    path::{Path, PathBuf},
};

use ebpf_base::untrusted;

use crate::object::lines::library_path;

/// Where source files are looked for. Debug information names them relative to a folder
/// that it need not name.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    roots: Vec<PathBuf>,
}

impl Sources {
    /// In the folder that this process is in and the folders above `object`.
    pub fn around(object: &Path) -> Self {
        /// `target/ebpf/<object>`, and a workspace some folders deep.
        const LEVELS: usize = 8;
        let mut roots: Vec<_> = env::current_dir().into_iter().collect();
        let object = std::path::absolute(object).unwrap_or_else(|_| object.to_owned());
        roots.extend(object.ancestors().skip(1).take(LEVELS).map(Path::to_owned));
        Self { roots }
    }

    /// A file's path as people would name it: in libraries from the crate's name on,
    /// relative to the folder that this process is in.
    pub fn shown(&self, file: &str) -> String {
        let shown = library_path(file).unwrap_or_else(|| {
            let here = self.roots.first();
            here.and_then(|here| Path::new(file).strip_prefix(here).ok()?.to_str())
                .unwrap_or(file)
        });
        untrusted::line(shown).into_owned()
    }

    /// In the directory `root`. Paths below it are shown relative to it.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self {
            roots: vec![root.into()],
        }
    }

    /// Nowhere.
    #[cfg(test)]
    pub fn none() -> Self {
        Self::default()
    }

    /// The text of a file as debug information names it; none where it is not there.
    /// Objects may name any file: only what has the look of source code is read.
    pub fn read(&self, file: &str) -> Option<Text> {
        let path = Path::new(file);
        if !has_the_look_of_source(path) {
            return None;
        }
        // An absolute path stays what it is.
        let mut candidates = self.roots.iter().map(|root| root.join(path));
        let text = candidates.find_map(|path| read(&path))?;
        Some(Text::of(&text))
    }
}

/// Whether a file is named as source code is. The object chose the name: no other file is
/// to be shown.
pub fn has_the_look_of_source(path: &Path) -> bool {
    const ENDINGS: [&str; 7] = ["rs", "c", "h", "cc", "cpp", "hpp", "S"];
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending))
}

fn read(path: &Path) -> Option<String> {
    /// More than any source file that people write.
    const LARGEST: u64 = 4 << 20;
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The text of a source file, fit for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Text {
    /// Takes text as it is in a file.
    pub fn of(text: &str) -> Self {
        let text = untrusted::lines(&text.replace("\r\n", "\n")).into_owned();
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { text, lines }
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A line, counted from 1, without its end.
    pub fn line(&self, line: u32) -> Option<Range<usize>> {
        let at = usize::try_from(line).ok()?.checked_sub(1)?;
        let start = *self.lines.get(at)?;
        let rest = self.text.get(start..)?;
        let end = rest.find('\n').unwrap_or(rest.len());
        (start < self.text.len()).then_some(start..start + end)
    }

    /// From a column, counted from 1, to the end of the call or name that begins there;
    /// the whole line without a column. None where there is no such place: then the file
    /// is not what was compiled.
    pub fn span(&self, line: u32, column: Option<u32>) -> Option<Range<usize>> {
        let range = self.line(line)?;
        let text = self.text.get(range.clone())?;
        let indent = text.len() - text.trim_start().len();
        // What a macro makes is at some column of its attribute: that is shown whole.
        let is_attribute = text.trim_start().starts_with("#[");
        let column = column.filter(|_| !is_attribute);
        let start = match column.and_then(|column| usize::try_from(column).ok()?.checked_sub(1)) {
            Some(column) => match text.char_indices().nth(column) {
                Some((at, _)) => at,
                // The end of a function is behind its last character.
                None if column == text.chars().count() => indent,
                None => return None,
            },
            None => indent,
        };
        let rest = text.get(start..)?;
        let length = match column {
            None if is_attribute => 1 + brackets(rest.get(1..)?),
            Some(_) => expression(rest),
            None => rest.trim_end().len(),
        };
        let start = range.start + start;
        (length > 0).then_some(start..start + length)
    }
}

/// How long the name or call is that text begins with: a path, and brackets after it. At
/// least one character. Behind an operator (`*packet.add(12)`) the whole chain of calls.
fn expression(text: &str) -> usize {
    let operators = text.len() - text.trim_start_matches(['*', '&', '-', '!']).len();
    let mut end = operators;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let path = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '!')))
            .unwrap_or(rest.len());
        end += path + brackets(rest.get(path..).unwrap_or_default());
        let chained = operators > 0 && text.get(end..).is_some_and(|rest| rest.starts_with('.'));
        if !chained {
            break;
        }
        end += 1;
    }
    end.max(text.chars().next().map_or(0, char::len_utf8))
}

/// How long the brackets are that text begins with; to its end where they go on in the
/// next line.
fn brackets(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => return end,
            _ => {}
        }
        end = at + character.len_utf8();
    }
    text.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_call_or_a_name() {
        let text = Text::of("fn f() {\n    if packet.add(1).read() == 8 {}\n\tlet größe = x;\n}\n");
        let span = |line, column| {
            let range = text.span(line, column)?;
            text.as_str().get(range)
        };
        assert_eq!(span(2, Some(8)), Some("packet"));
        assert_eq!(span(2, Some(15)), Some("add(1)"));
        assert_eq!(span(2, Some(22)), Some("read()"));
        assert_eq!(span(2, None), Some("if packet.add(1).read() == 8 {}"));
        assert_eq!(span(3, Some(6)), Some("größe"));
        assert_eq!(span(2, Some(29)), Some("="));
        let text = Text::of("  *packet.add(12) + 1\n  *(*x).get(y) += 1;\n  call(a,\n");
        let span = |line, column| text.as_str().get(text.span(line, Some(column))?);
        assert_eq!(span(1, 3), Some("*packet.add(12)"));
        assert_eq!(span(2, 3), Some("*(*x).get(y)"));
        assert_eq!(span(3, 3), Some("call(a,"));
        assert_eq!(span(3, 10), Some("call(a,"));
        assert_eq!(span(3, 11), None);
        assert_eq!(span(2, 400), None);
        assert_eq!(span(99, 1), None);
        let text = Text::of("  #[xdp(frags)] // all\n");
        let span = |column| text.as_str().get(text.span(1, column)?);
        assert_eq!(span(Some(16)), Some("#[xdp(frags)]"));
        assert_eq!(span(None), Some("#[xdp(frags)]"));
    }

    #[test]
    fn an_object_cannot_have_any_file_shown() {
        let sources = Sources::under(PathBuf::from("/"));
        assert_eq!(sources.read("/etc/passwd"), None);
        assert_eq!(sources.read("/dev/zero"), None);
        assert_eq!(sources.read(""), None);
    }
}
