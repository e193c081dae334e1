//! How disassembled code looks: source lines with the instructions made from them.

use std::{fmt::Write as _, path::Path};

use anstyle::{AnsiColor, Style};
use ebpf_base::untrusted;
use ebpf_object::{
    Name,
    disassembly::{Line, Listing},
    lines::{Frame, own, short_path},
};

use crate::report::human::counted;

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const FILE: Style = AnsiColor::Magenta.on_default();
const SOURCE: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

/// Writes the code of a function. Paths under `here` are shown relative to it.
pub(super) fn write(out: &mut String, listing: &Listing, here: &Path) -> std::fmt::Result {
    let Listing { function, code, .. } = listing;
    writeln!(
        out,
        "\n{HEADING}{}{HEADING:#} {DIM}in {}, {}{DIM:#}",
        function.name.demangled(),
        function.section,
        counted(function.instructions, "instruction")
    )?;
    let (mut file, mut line_number, mut inlined) = (None, None, String::new());
    let width = code
        .iter()
        .map(|line| line.text.len())
        .max()
        .unwrap_or_default()
        .min(44);
    for line in code {
        if let Some(shown) = own(&line.frames).and_then(|at| line.frames.get(at)) {
            if file != shown.file.as_ref() {
                file = shown.file.as_ref();
                line_number = None;
                if let Some(file) = file {
                    let file = untrusted::line(short_path(file.as_str(), here));
                    writeln!(out, "  {FILE}{file}{FILE:#}")?;
                }
            }
            if line_number != shown.line {
                line_number = shown.line;
                write_source(out, shown)?;
            }
        }
        let chain = chain(&line.frames);
        if inlined != chain {
            inlined = chain;
            if !inlined.is_empty() {
                writeln!(out, "       {DIM}╰ {inlined}{DIM:#}")?;
            }
        }
        write_instruction(out, line, width)?;
    }
    Ok(())
}

fn write_source(out: &mut String, frame: &Frame) -> std::fmt::Result {
    let Some(line) = frame.line else {
        return Ok(());
    };
    match &frame.text {
        Some(text) => {
            let text = text.as_str().trim_end().replace('\t', "    ");
            writeln!(
                out,
                "{DIM}{line:>6} │{DIM:#} {SOURCE}{}{SOURCE:#}",
                untrusted::line(&text)
            )
        }
        None => writeln!(out, "{DIM}{line:>6} │{DIM:#}"),
    }
}

fn write_instruction(out: &mut String, line: &Line, width: usize) -> std::fmt::Result {
    let Line {
        index, text, note, ..
    } = line;
    match note {
        Some(note) => writeln!(
            out,
            "{DIM}{index:>12}{DIM:#}  {text:<width$}  {NOTE}; {note}{NOTE:#}"
        ),
        None => writeln!(out, "{DIM}{index:>12}{DIM:#}  {text}"),
    }
}

/// How many functions of a chain are shown at its start and at its end.
const CHAIN_ENDS: usize = 2;

/// The chain of inlined functions, outermost first, each with its place; the middle of
/// a long one is left out. Empty if nothing was inlined.
fn chain(frames: &[Frame]) -> String {
    let names: Vec<_> = frames
        .iter()
        .map(|frame| {
            let name = short_function(frame.function.as_ref().map_or("?", Name::as_str));
            let place = frame.file.as_ref().zip(frame.line);
            let place = place.map(|(file, line)| format!(" {}:{line}", file_name(file.as_str())));
            (name, place.unwrap_or_default())
        })
        .collect();
    let mut links: Vec<_> = names.iter().rev().collect();
    // Aya's macros make a function that only calls the one of the same name.
    if let [(outer, _), (inner, _), ..] = *links
        && outer == inner
    {
        links.remove(0);
    }
    if links.len() < 2 {
        return String::new();
    }
    let hidden = CHAIN_ENDS..links.len().saturating_sub(CHAIN_ENDS).max(CHAIN_ENDS);
    let mut text = String::new();
    for (index, (name, place)) in links.iter().enumerate() {
        match index {
            0 => {}
            _ if index == hidden.start && !hidden.is_empty() => text += " → …",
            _ if hidden.contains(&index) => continue,
            _ => text += " → ",
        }
        if !hidden.contains(&index) {
            text += &untrusted::line(name);
            text += &untrusted::line(place);
        }
    }
    text
}

/// A function's name without the modules that it and its types are in, and without the
/// traits that it is from: `<core::ops::Range<usize> as Iterator>::next` becomes
/// `Range<usize>::next`.
fn short_function(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|character: char| !(character.is_alphanumeric() || character == '_'))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        match after.strip_prefix("::") {
            Some(inner)
                if !word.is_empty()
                    && inner.starts_with(|c: char| c.is_alphabetic() || c == '_') =>
            {
                rest = inner;
            }
            _ if word.is_empty() => {
                short.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
            _ => {
                short += word;
                rest = after;
            }
        }
    }
    let Some(inner) = short.strip_prefix('<') else {
        return short;
    };
    // What is in the first pair of angle brackets: a type, perhaps as a trait.
    let mut depth = 1_usize;
    let mut trait_at = None;
    for (at, character) in inner.char_indices() {
        match character {
            '<' => depth += 1,
            '>' if !inner.get(..at).is_some_and(|before| before.ends_with('-')) => depth -= 1,
            ' ' if depth == 1 && inner.get(at..).is_some_and(|rest| rest.starts_with(" as ")) => {
                trait_at = Some(at);
            }
            _ => {}
        }
        if depth == 0 {
            let own = inner.get(..trait_at.unwrap_or(at)).unwrap_or_default();
            let rest = inner.get(at + 1..).unwrap_or_default();
            return format!("{own}{rest}");
        }
    }
    short
}

/// The last part of a path, and the one before it where the last says little.
fn file_name(path: &str) -> &str {
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at + 1);
    let last = slashes.next().unwrap_or_default();
    let from = match path.get(last..) {
        Some("mod.rs" | "lib.rs") => slashes.next().unwrap_or_default(),
        _ => last,
    };
    path.get(from..).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_lose_modules_and_traits() {
        for (long, short) in [
            ("memcpy", "memcpy"),
            ("aya_ebpf::intrinsics::copy_forward", "copy_forward"),
            ("<*mut u8>::add", "*mut u8::add"),
            (
                "<core::ops::range::Range<usize> as core::iter::traits::iterator::Iterator>::next",
                "Range<usize>::next",
            ),
            (
                "<aya_ebpf::btf_maps::hash_map::HashMap<u64, u64, 1024>>::insert::<&u64, &u64>",
                "HashMap<u64, u64, 1024>::insert::<&u64, &u64>",
            ),
            ("lock::main::{closure#0}", "main::{closure#0}"),
            ("<a::F as core::ops::Fn() -> b::C>::call", "F::call"),
            ("<never closed", "<never closed"),
            ("größe::länge::", "länge::"),
        ] {
            assert_eq!(short_function(long), short);
        }
    }

    #[test]
    fn a_file_is_named_with_its_directory_where_many_have_the_name() {
        assert_eq!(file_name("a/b/lib.rs"), "b/lib.rs");
        assert_eq!(file_name("lib.rs"), "lib.rs");
        assert_eq!(file_name("a/b/cell.rs"), "cell.rs");
    }

    #[test]
    fn the_middle_of_a_long_chain_is_left_out() {
        let frames: Vec<_> = (0..9)
            .map(|index| {
                let function = Name::from(format!("f{index}"));
                Frame::of_line(function, Name::from("/x/a.rs"), index)
            })
            .collect();
        assert_eq!(
            chain(&frames),
            "f8 a.rs:8 → f7 a.rs:7 → … → f1 a.rs:1 → f0 a.rs:0"
        );
        assert_eq!(chain(&frames[..4]).matches('→').count(), 3);
        assert_eq!(chain(&frames[..1]), "");
    }
}
