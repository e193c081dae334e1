//! Source lines of what a check found in an object. The findings of `ebpf-build` name functions;
//! each becomes one finding per line, with the calls that lead there.

use std::{collections::BTreeSet, path::Path};

use ebpf_build::{Code, Error, Finding, is_panic, panic_fix};
use ebpf_object::{
    Name, Object,
    calls::{self, Site},
    disassembly::{self, Line, Listing},
};

use crate::object_file;

/// The same error at the lines of the object that it is about.
pub(crate) fn of_error(error: Error) -> Error {
    let finding = error.finding();
    let content = finding
        .place
        .as_ref()
        .filter(|_| is_located(&finding.code))
        .and_then(|place| object_file::read(&place.file).ok());
    let Some(content) = content else {
        return error;
    };
    let mut located = of_finding(finding.clone(), &content);
    match located.pop() {
        Some(last) => Error::from(last).with_details(located),
        None => error,
    }
}

/// The same finding at each of the lines that it is about, or as it is if none is known.
pub(crate) fn of_finding(finding: Finding, content: &[u8]) -> Vec<Finding> {
    if !is_located(&finding.code) {
        return vec![finding];
    }
    let sites = sites(&finding.code, content);
    if sites.is_empty() {
        return vec![finding];
    }
    sites.iter().map(|site| at(site, &finding)).collect()
}

/// The opcode of a call of what a register points to, as the listing has its bytes.
const INDIRECT_CALL: &str = "8d";

fn is_located(code: &str) -> bool {
    matches!(
        Code::named(code),
        Some(Code::PanicCode | Code::IndirectCall | Code::SymbolUnresolved)
    )
}

fn sites(code: &str, content: &[u8]) -> Vec<Site> {
    let listings = Object::parse(content)
        .and_then(|object| disassembly::listings(content, &object))
        .unwrap_or_default();
    let is_wanted = |listing: &Listing, line: &Line| match Code::named(code) {
        Some(Code::PanicCode) => {
            let own = listing.function.name.demangled();
            line.note
                .as_ref()
                .is_some_and(|name| is_panic(name.as_str()))
                && !is_panic(own.as_str())
        }
        Some(Code::IndirectCall) => line.bytes.starts_with(INDIRECT_CALL),
        Some(Code::SymbolUnresolved) => line.note.as_ref().is_some_and(is_extern),
        _ => false,
    };
    calls::sites(&listings, is_wanted)
}

fn is_extern(note: &Name) -> bool {
    note.as_str().starts_with("extern ")
}

fn at(site: &Site, finding: &Finding) -> Finding {
    let functions: Vec<&str> = site
        .frames
        .iter()
        .filter_map(|frame| Some(frame.function.as_ref()?.as_str()))
        .collect();
    let own = site.frames.get(site.own);
    let name = own
        .and_then(|frame| frame.function.as_ref())
        .map_or("the object", Name::as_str);
    let called = site.note.as_ref().map_or("", Name::as_str);
    let (message, fix) = match Code::named(&finding.code) {
        Some(Code::PanicCode) => {
            let inner = functions.iter().take(site.own).copied();
            let names: BTreeSet<String> = inner.chain([called]).map(str::to_owned).collect();
            (format!("{name} can panic"), Some(panic_fix(&names)))
        }
        Some(Code::IndirectCall) => (
            format!("{name} calls a function through a pointer"),
            finding.fix.clone(),
        ),
        _ => (
            format!(
                "{name} calls {}",
                called.strip_prefix("extern ").unwrap_or(called)
            ),
            finding.fix.clone(),
        ),
    };
    let cause = finding.cause.as_deref().unwrap_or_default();
    let mut located = finding
        .clone()
        .because(format!("{cause}\n{}", chain(site, called)));
    located.message = message;
    located.fix = fix;
    if let Some(file) = own.and_then(|frame| frame.file.as_ref()) {
        located = located.at(Path::new(file.as_str()), own.and_then(|frame| frame.line));
    }
    located
}

/// The calls from the program to the function, a line each.
fn chain(site: &Site, called: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let mut lines = Vec::new();
    for frame in site.frames.iter().rev() {
        let name = frame.function.as_ref().map_or("?", Name::as_str);
        let place = match (&frame.file, frame.line) {
            (Some(file), Some(line)) => {
                let file = ebpf_object::lines::short_path(file.as_str(), &here);
                format!(" at {file}:{line}")
            }
            _ => String::new(),
        };
        lines.push(format!("{name}{place}"));
    }
    if !called.is_empty() {
        lines.push(called.to_owned());
    }
    lines.join("\n  calls ")
}
