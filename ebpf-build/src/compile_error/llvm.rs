//! Errors of LLVM in the text of a failed bpf-linker:
//! `ERROR llvm: src/main.rs:13:5: in function prog i32 (ptr): too many arguments`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::catalogue::Class;
use crate::{Code, Finding};

/// An error of LLVM, by its parts.
#[derive(Debug, PartialEq, Eq)]
struct Report<'text> {
    /// The file and line, as debug information has them.
    place: Option<(&'text str, u32)>,
    /// The function's symbol.
    function: &'text str,
    /// What is wrong.
    text: &'text str,
}

impl<'text> Report<'text> {
    fn of(line: &'text str) -> Option<Self> {
        let rest = line.trim().strip_prefix("ERROR llvm: ")?;
        let (place, rest) = rest.split_once(": in function ")?;
        let (function, rest) = rest.split_once(' ')?;
        // The function's type contains no colon.
        let (_, text) = rest.split_once(": ")?;
        Some(Self {
            place: file_and_line(place),
            function,
            text,
        })
    }
}

/// Splits `src/main.rs:13:5`. LLVM prints `<unknown>:0:0` for an unknown position.
fn file_and_line(place: &str) -> Option<(&str, u32)> {
    let (place, _column) = place.rsplit_once(':')?;
    let (file, line) = place.rsplit_once(':')?;
    let line = line.parse().ok().filter(|line| *line > 0)?;
    Some((file, line))
}

/// The errors in the linker's text, each class once per function. `source` is the file that
/// contains the crate root.
pub(super) fn findings(text: &str, crate_dir: &Path, source: &Path) -> Vec<Finding> {
    let reports: Vec<_> = text.lines().filter_map(Report::of).collect();
    let mut found: Vec<(Kind<'_>, Vec<&Report<'_>>)> = Vec::new();
    for report in &reports {
        let kind = Kind::of(report);
        match found.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, same)) => same.push(report),
            None => found.push((kind, vec![report])),
        }
    }
    // What is not known of a function follows from what is known.
    let known: Vec<_> = found
        .iter()
        .filter(|(kind, _)| matches!(kind, Kind::Known(..)))
        .map(|(kind, _)| kind.function())
        .collect();
    found.retain(|(kind, _)| matches!(kind, Kind::Known(..)) || !known.contains(&kind.function()));
    if found.is_empty() {
        return vec![other(text)];
    }
    found
        .into_iter()
        .filter_map(|(_, same)| finding(&same, crate_dir, source))
        .collect()
}

/// Reports of one kind become one finding.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'text> {
    /// The class, by its code, and the function.
    Known(Code, &'text str),
    /// The function, and the text.
    Unknown(&'text str, &'text str),
}

impl<'text> Kind<'text> {
    fn of(report: &Report<'text>) -> Self {
        match Class::of_llvm(report.text) {
            Some(class) => Self::Known(class.code, report.function),
            None => Self::Unknown(report.function, report.text),
        }
    }

    fn function(&self) -> &'text str {
        match self {
            Self::Known(_, function) | Self::Unknown(function, _) => function,
        }
    }
}

/// The finding that reports of one kind make, at the first line of the crate among theirs.
fn finding(same: &[&Report<'_>], crate_dir: &Path, source: &Path) -> Option<Finding> {
    let report = same.first()?;
    let class = Class::of_llvm(report.text);
    let name = format!("{:#}", rustc_demangle::demangle(report.function));
    let finding = match class {
        Some(class) => Finding::error(class.code, format!("{} in `{name}`", class.title))
            .because(class.because)
            .fix(class.fix),
        None => {
            Finding::error(Code::LinkError, format!("LLVM rejects `{name}`")).because(report.text)
        }
    };
    let is_of_function = class.is_some_and(|class| class.of_function);
    let places = same.iter().filter_map(|report| report.place);
    let named = places
        .map(|(file, line)| (crate_dir.join(file), line))
        // Paths of libraries are relative to those.
        .find(|(file, _)| file.is_file() && !is_of_function);
    Some(match named.or_else(|| declaration(&name, source)) {
        Some((file, line)) => finding.at(file, Some(line)),
        None => finding,
    })
}

/// Where the crate declares the function of this path: in `source`, or in a module below it.
fn declaration(path: &str, source: &Path) -> Option<(PathBuf, u32)> {
    let mut parts = path.rsplit("::");
    let name = parts.next()?;
    let module = parts.next().unwrap_or_default();
    let mut files = modules(source.parent()?);
    // The file that is named like the module, then the crate root.
    files.sort_by_key(|file| {
        let stem = file.file_stem().unwrap_or_default();
        (stem != module, file != source)
    });
    files
        .into_iter()
        .find_map(|file| declared_in(&file, name).map(|line| (file, line)))
}

fn declared_in(file: &Path, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let is_it = |line: &str| {
        line.split_once("fn ").is_some_and(|(_, rest)| {
            rest.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['(', '<']))
        })
    };
    let mut lines = text.lines().zip(1..);
    lines.find(|(line, _)| is_it(line)).map(|(_, line)| line)
}

/// The sources in a directory and those below it.
fn modules(directory: &Path) -> Vec<PathBuf> {
    /// As many directories as no crate has.
    const MOST: usize = 100;
    let mut files = Vec::new();
    let mut left = vec![directory.to_owned()];
    for _ in 0..MOST {
        let Some(directory) = left.pop() else {
            break;
        };
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => left.push(path),
                _ if path.extension().is_some_and(|end| end == "rs") => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// A failed linker without an error of LLVM: its own words.
fn other(text: &str) -> Finding {
    let own: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("Error: ") || line.starts_with("ERROR "))
        .collect();
    Finding::error(Code::LinkError, "bpf-linker did not link the crate")
        .because(if own.is_empty() {
            text.trim().to_owned()
        } else {
            own.join("\n")
        })
        .fix("cargo ebpf doctor")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bpf-linker 0.13 with LLVM 22 writes for one program each.
    const REPORTS: &[(&str, &str)] = &[
        (
            "Looks like the BPF stack limit is exceeded. Please move large on stack variables into BPF per-cpu array map.",
            "stack-limit",
        ),
        (
            "A call to built-in function '__floatunsidf' is not supported.",
            "float-unsupported",
        ),
        (
            "A call to built-in function '__divdf3' is not supported.",
            "float-unsupported",
        ),
        (
            "A call to built-in function '__gtdf2' is not supported.",
            "float-unsupported",
        ),
        (
            "A call to built-in function '__mulsf3' is not supported.",
            "float-unsupported",
        ),
        (
            "A call to built-in function '__udivti3' is not supported.",
            "wide-division",
        ),
        (
            "A call to built-in function '__multi3' is not supported.",
            "runtime-function",
        ),
        (
            "A call to built-in function 'memcpy' is not supported.",
            "runtime-function",
        ),
        (
            "unsupported signed division, please convert to unsigned div/mod.",
            "signed-division",
        ),
        (
            "0x55eb0183ea90: i64 = GlobalAddress<ptr @six> 0, src/main.rs:13:5 @[ src/main.rs:10:1 ] too many arguments",
            "too-many-arguments",
        ),
        ("stack arguments are not supported", "too-many-arguments"),
        (
            "Invalid usage of the XADD return value",
            "atomic-unsupported",
        ),
        ("something that LLVM says one day", "link-error"),
    ];

    fn line(place: &str, text: &str) -> String {
        format!("ERROR llvm: {place}: in function prog i32 (ptr): {text}\n\n")
    }

    fn source() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src/main.rs");
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(
            &source,
            "#![no_std]\n\n#[xdp]\npub fn prog(ctx: XdpContext) -> u32 {\n    0\n}\n",
        )
        .unwrap();
        (folder, source)
    }

    #[test]
    fn every_error_has_a_class_and_a_place() {
        let (folder, source) = source();
        for (text, code) in REPORTS {
            let text = line("src/main.rs:5:9", text)
                + "Error: LLVM issued diagnostic with error severity\n";
            let findings = findings(&text, folder.path(), &source);
            let [finding] = &findings[..] else {
                panic!("{text}: {findings:?}");
            };
            assert_eq!(finding.code, *code, "{text}");
            let place = finding.place.as_ref().unwrap();
            assert_eq!(place.file, source);
            let expected = if *code == "stack-limit" { 4 } else { 5 };
            assert_eq!(place.line, Some(expected), "{text}");
            assert!(finding.message.contains("`prog`"), "{}", finding.message);
            assert_eq!(finding.fix.is_some(), *code != "link-error");
        }
    }

    #[test]
    fn a_place_in_a_library_is_that_of_the_function() {
        let (folder, source) = source();
        for place in ["src/num/int_macros.rs:967:31", "<unknown>:0:0"] {
            let text = line(place, "unsupported signed division");
            let findings = findings(&text, folder.path(), &source);
            let place = findings[0].place.as_ref().unwrap();
            assert_eq!(
                (place.file.as_path(), place.line),
                (source.as_path(), Some(4))
            );
        }
    }

    #[test]
    fn a_function_is_found_in_its_module() {
        let (folder, source) = source();
        let parse = folder.path().join("src/net/parse.rs");
        fs::create_dir(folder.path().join("src/net")).unwrap();
        fs::write(folder.path().join("src/a.rs"), "fn header() {}\n").unwrap();
        fs::write(&parse, "\nfn header() {}\nfn tail<T>() {}\n").unwrap();
        for (name, line) in [("header", 2), ("tail", 3)] {
            let path = format!("probe::net::parse::{name}");
            let found = declaration(&path, &source).unwrap();
            assert_eq!(found, (parse.clone(), line));
        }
        assert_eq!(declaration("probe::parse::other", &source), None);
    }

    #[test]
    fn the_same_error_in_a_function_is_reported_once() {
        let (folder, source) = source();
        let text = line("src/main.rs:5:9", REPORTS[1].0) + &line("src/main.rs:6:1", REPORTS[2].0);
        assert_eq!(findings(&text, folder.path(), &source).len(), 1);
    }

    #[test]
    fn the_line_is_one_of_the_crate_if_any_is() {
        let (folder, source) = source();
        let text = line("src/num/f64.rs:7:9", REPORTS[1].0)
            + &line("src/main.rs:5:9", REPORTS[2].0)
            + &line("src/main.rs:6:1", REPORTS[2].0);
        let findings = findings(&text, folder.path(), &source);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place.as_ref().unwrap().line, Some(5));
    }

    #[test]
    fn what_is_not_known_of_a_function_follows_from_what_is_known() {
        let (folder, source) = source();
        let unknown = line("src/main.rs:5:9", "only small returns supported");
        let text = unknown.clone() + &line("src/main.rs:5:9", REPORTS[5].0);
        let found = findings(&text, folder.path(), &source);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, "wide-division");
        let found = findings(&unknown, folder.path(), &source);
        assert_eq!(found[0].code, "link-error");
    }

    #[test]
    fn other_failures_of_the_linker_have_its_words() {
        let (folder, source) = source();
        let findings = findings("some text\nError: no such file\n", folder.path(), &source);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, "link-error");
        assert_eq!(findings[0].cause.as_deref(), Some("Error: no such file"));
    }
}
