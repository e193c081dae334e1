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

/// The errors in the linker's text, each once per function. `source` is the file that contains
/// the crate root.
pub(super) fn findings(text: &str, crate_dir: &Path, source: &Path) -> Vec<Finding> {
    let mut found: Vec<(Code, &str, Finding)> = Vec::new();
    for report in text.lines().filter_map(Report::of) {
        let class = Class::of_llvm(report.text);
        let code = class.map_or(Code::LinkError, |class| class.code);
        let is_known = |(other, function, _): &(Code, &str, Finding)| {
            *other == code && *function == report.function && code != Code::LinkError
        };
        if !found.iter().any(is_known) {
            let finding = finding(&report, class, crate_dir, source);
            found.push((code, report.function, finding));
        }
    }
    if found.is_empty() {
        return vec![other(text)];
    }
    found.into_iter().map(|(_, _, finding)| finding).collect()
}

fn finding(report: &Report<'_>, class: Option<&Class>, crate_dir: &Path, source: &Path) -> Finding {
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
    let named = report
        .place
        .map(|(file, line)| (crate_dir.join(file), line))
        // Paths of libraries are relative to those.
        .filter(|(file, _)| file.is_file() && !is_of_function);
    match named.or_else(|| declaration(&name, source)) {
        Some((file, line)) => finding.at(file, Some(line)),
        None => finding,
    }
}

/// Where a source declares the function of this path.
fn declaration(path: &str, source: &Path) -> Option<(PathBuf, u32)> {
    let name = path.rsplit("::").next()?;
    let text = fs::read_to_string(source).ok()?;
    let is_it = |line: &str| {
        line.split_once("fn ").is_some_and(|(_, rest)| {
            rest.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['(', '<']))
        })
    };
    let line = text.lines().zip(1..).find(|(line, _)| is_it(line))?.1;
    Some((source.to_owned(), line))
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
    fn the_same_error_in_a_function_is_reported_once() {
        let (folder, source) = source();
        let text = line("src/main.rs:5:9", REPORTS[1].0) + &line("src/main.rs:6:1", REPORTS[2].0);
        assert_eq!(findings(&text, folder.path(), &source).len(), 1);
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
