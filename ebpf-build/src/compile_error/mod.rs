//! Errors of rustc, of LLVM and of bpf-linker as findings: file, line, code and fix.
//!
//! rustc's own rendering is shown beside them. LLVM's errors only reach cargo as the text of a
//! failed linker.

mod catalogue;
mod llvm;

use std::{
    fs,
    io::{IsTerminal as _, Write as _, stderr},
    path::Path,
};

use cargo_metadata::{
    CompilerMessage,
    diagnostic::{Diagnostic, DiagnosticLevel},
};

use self::catalogue::Class;
pub(crate) use self::catalogue::explanation;
use crate::{Code, Finding};

/// Cargo then writes each message of rustc to stdout as JSON, with its text.
pub(crate) const MESSAGE_FORMAT: &str = "json-diagnostic-rendered-ansi";

/// Shows a message of rustc as rustc renders it.
pub(crate) fn show(message: &CompilerMessage) {
    let Some(text) = &message.message.rendered else {
        return;
    };
    let mut stderr = stderr().lock();
    // Nothing is left to do if stderr itself is gone.
    let _ = if stderr.is_terminal() {
        stderr.write_all(text.as_bytes())
    } else {
        stderr.write_all(without_colour(text).as_bytes())
    };
}

/// The errors in a message of rustc about a package in `crate_dir`.
pub(crate) fn findings(message: &CompilerMessage, crate_dir: &Path) -> Vec<Finding> {
    let diagnostic = &message.message;
    let is_error = matches!(
        diagnostic.level,
        DiagnosticLevel::Error | DiagnosticLevel::Ice
    );
    // The last line of rustc sums up the others.
    if !is_error || diagnostic.message.starts_with("aborting due to ") {
        return Vec::new();
    }
    if diagnostic.message.starts_with("linking with ") {
        let source = message.target.src_path.as_std_path();
        let notes: Vec<_> = diagnostic
            .children
            .iter()
            .map(|child| child.message.as_str())
            .collect();
        return llvm::findings(&notes.join("\n"), crate_dir, source);
    }
    let source = message.target.src_path.as_std_path();
    vec![of_rustc(diagnostic, crate_dir, source)]
}

/// An error of rustc itself, with the fix for eBPF if it is a known one. `source` contains the
/// crate root, which an error without a line is about.
fn of_rustc(diagnostic: &Diagnostic, crate_dir: &Path, source: &Path) -> Finding {
    let class = Class::of_rustc(&diagnostic.message);
    let mut finding = Finding::error(
        class.map_or(Code::CompileError, |class| class.code),
        match &diagnostic.code {
            Some(code) => format!("{}: {}", code.code, diagnostic.message),
            None => diagnostic.message.clone(),
        },
    );
    let primary = diagnostic.spans.iter().find(|span| span.is_primary);
    finding.cause = class
        .map(|class| class.because.to_owned())
        .or_else(|| primary.and_then(|span| span.label.clone()));
    finding.fix = class.map(|class| class.fix.to_owned()).or_else(|| {
        let code = diagnostic.code.as_ref()?;
        Some(format!("rustc --explain {}", code.code))
    });
    match primary {
        Some(span) => {
            let line = u32::try_from(span.line_start).ok();
            finding.at(crate_dir.join(&span.file_name), line)
        }
        None => {
            let line = class.and_then(|class| line_with(class.declared_by?, source));
            finding.at(source, line)
        }
    }
}

/// The first line of a source that begins with `text`.
fn line_with(text: &str, source: &Path) -> Option<u32> {
    let content = fs::read_to_string(source).ok()?;
    let mut lines = content.lines().zip(1..);
    lines
        .find(|(line, _)| line.trim_start().starts_with(text))
        .map(|(_, number)| number)
}

/// Text without the escape sequences that colour it.
fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(json: &str) -> Vec<Finding> {
        let message: CompilerMessage = serde_json::from_str(json).unwrap();
        findings(&message, Path::new("/crate"))
    }

    fn message(diagnostic: &str) -> String {
        format!(
            r#"{{"package_id":"path+file:///crate#0.0.0",
            "target":{{"kind":["bin"],"crate_types":["bin"],"name":"p","src_path":"/crate/src/main.rs",
            "edition":"2024","doctest":false,"test":false,"doc":true}},
            "message":{diagnostic}}}"#
        )
    }

    fn span(file: &str, line: u32) -> String {
        format!(
            r#"{{"file_name":"{file}","byte_start":0,"byte_end":1,"line_start":{line},"line_end":{line},
            "column_start":7,"column_end":16,"is_primary":true,"text":[],"label":"not found",
            "suggested_replacement":null,"suggestion_applicability":null,"expansion":null}}"#
        )
    }

    fn of_rustc(text: &str, code: &str, spans: &str) -> Vec<Finding> {
        findings_of(&message(&format!(
            r#"{{"message":"{text}","code":{code},"level":"error","spans":[{spans}],"children":[],"rendered":null}}"#
        )))
    }

    #[test]
    fn errors_of_rustc_have_place_code_and_fix() {
        let code = r#"{"code":"E0308","explanation":null}"#;
        let [finding] = &of_rustc("mismatched types", code, &span("src/main.rs", 10))[..] else {
            panic!("not one finding");
        };
        assert_eq!(finding.code, "compile-error");
        assert_eq!(finding.message, "E0308: mismatched types");
        let place = finding.place.as_ref().unwrap();
        assert_eq!(place.file, Path::new("/crate/src/main.rs"));
        assert_eq!(place.line, Some(10));
        assert_eq!(finding.fix.as_deref(), Some("rustc --explain E0308"));
    }

    #[test]
    fn what_ebpf_does_not_have_is_a_class_of_its_own() {
        for (text, class) in [
            (
                "no global memory allocator found but one is required; link to std or add `#[global_allocator]` to a static item that implements the GlobalAlloc trait",
                "allocator-missing",
            ),
            (
                "no method named `fetch_add` found for struct `Atomic<T>` in the current scope",
                "atomic-unsupported",
            ),
            (
                "no method named `compare_exchange` found for struct `Atomic<T>` in the current scope",
                "atomic-unsupported",
            ),
            ("can't find crate for `std`", "std-unavailable"),
            (
                "cannot find macro `println` in this scope",
                "std-unavailable",
            ),
            (
                "unresolved import `core::sync::atomic::AtomicU32`",
                "atomic-unsupported",
            ),
            ("unresolved import `std::collections`", "std-unavailable"),
            ("cannot find type `Vec` in this scope", "allocator-missing"),
            ("no method named `frobnicate` found", "compile-error"),
        ] {
            let findings = of_rustc(text, "null", "");
            assert_eq!(findings.len(), 1, "{text}");
            assert_eq!(findings[0].code, class, "{text}");
            assert_eq!(findings[0].fix.is_some(), class != "compile-error");
        }
    }

    #[test]
    fn warnings_and_sums_are_no_findings() {
        assert_eq!(
            of_rustc("aborting due to 2 previous errors", "null", ""),
            []
        );
        let warning = r#"{"message":"unused","code":null,"level":"warning","spans":[],"children":[],"rendered":null}"#;
        assert_eq!(findings_of(&message(warning)), []);
    }

    #[test]
    fn the_text_of_a_failed_linker_is_read() {
        let note = "ERROR llvm: src/main.rs:13:5: in function prog i32 (ptr): unsupported signed division, please convert to unsigned div/mod.\\n\\nError: LLVM issued diagnostic with error severity\\n";
        let linking = format!(
            r#"{{"message":"linking with `bpf-linker` failed: exit status: 1","code":null,"level":"error","spans":[],
            "children":[{{"message":"{note}","code":null,"level":"note","spans":[],"children":[],"rendered":null}}],"rendered":null}}"#
        );
        let findings = findings_of(&message(&linking));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].code, "signed-division");
    }

    #[test]
    fn colour_is_removed() {
        assert_eq!(
            without_colour("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: x"),
            "error: x"
        );
        assert_eq!(without_colour("plain"), "plain");
        assert_eq!(without_colour("cut \u{1b}[1"), "cut ");
    }
}
