//! A diagnosis in the look of rustc's errors.

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Message, Origin, Renderer, Snippet,
};

use super::source::{Sources, Text};
use crate::{
    diagnosis::{Diagnosis, Register, Step, UNKNOWN},
    object::{Name, lines::Frame},
    untrusted,
};

/// How many lines are shown before and after the one that is pointed at.
const AROUND: u32 = 2;

/// The text for a person, with source lines from `sources` where the files are there.
pub(crate) fn human(diagnosis: &Diagnosis, sources: &Sources) -> String {
    let width = terminal_size::terminal_size().map_or(140, |(width, _)| usize::from(width.0));
    render(
        diagnosis,
        sources,
        &Renderer::styled().term_width(width.max(60)),
    )
}

fn render(diagnosis: &Diagnosis, sources: &Sources, renderer: &Renderer) -> String {
    let id = match diagnosis.code {
        UNKNOWN => UNKNOWN.to_owned(),
        code => format!("verifier::{code}"),
    };
    let group = Group::with_title(Level::ERROR.primary_title(&*diagnosis.title).id(id))
        .elements(places(diagnosis, sources))
        .elements(notes(diagnosis, sources));
    renderer.render(&[group])
}

/// A label at a place.
struct Label<'d> {
    frame: &'d Frame,
    kind: AnnotationKind,
    text: String,
}

/// Source lines with labels, the one that is complained of first.
fn places<'a>(diagnosis: &'a Diagnosis, sources: &Sources) -> Vec<Element<'a>> {
    let mut labels = Vec::new();
    if let Some(frame) = diagnosis.instruction.as_ref().and_then(Step::place) {
        labels.push(Label {
            frame,
            kind: AnnotationKind::Primary,
            text: primary(diagnosis),
        });
    }
    for register in &diagnosis.registers {
        for step in &register.story {
            if let (Some(frame), Some(what)) = (step.place(), &step.what) {
                labels.push(Label {
                    frame,
                    kind: AnnotationKind::Context,
                    text: format!("{} {what}", register.name),
                });
            }
        }
    }
    let mut files: Vec<(&Name, Vec<&Label<'_>>)> = Vec::new();
    for label in &labels {
        let Some(file) = &label.frame.file else {
            continue;
        };
        match files.iter_mut().find(|(other, _)| *other == file) {
            Some((_, labels)) => labels.push(label),
            None => files.push((file, vec![label])),
        }
    }
    files
        .into_iter()
        .flat_map(|(file, labels)| in_file(file, &labels, sources))
        .collect()
}

/// What stands at the place that is complained of.
fn primary(diagnosis: &Diagnosis) -> String {
    let known: Vec<_> = diagnosis
        .registers
        .iter()
        .filter(|register| register.named)
        .filter_map(known)
        .collect();
    if known.is_empty() {
        return diagnosis.message.first().cloned().unwrap_or_default();
    }
    known.join("; ")
}

fn known(register: &Register) -> Option<String> {
    let known = register.known.as_ref()?;
    Some(format!("{} is {known}", register.name))
}

fn in_file<'a>(file: &Name, labels: &[&Label<'_>], sources: &Sources) -> Vec<Element<'a>> {
    let path = sources.shown(file.as_str());
    if let Some(text) = sources.read(file.as_str()) {
        let annotations: Option<Vec<_>> = labels
            .iter()
            .map(|label| annotation(&text, label))
            .collect();
        if let Some(annotations) = annotations {
            let around = labels
                .iter()
                .filter(|label| label.kind == AnnotationKind::Primary)
                .filter_map(|label| around(&text, label.frame.line?));
            return vec![
                Snippet::source(text.as_str().to_owned())
                    .path(path)
                    .annotations(annotations)
                    .annotations(around)
                    .into(),
            ];
        }
    }
    // The file is not there, or not the one that was compiled.
    labels.iter().flat_map(|label| bare(&path, label)).collect()
}

fn annotation<'a>(text: &Text, label: &Label<'_>) -> Option<Annotation<'a>> {
    let Frame {
        line,
        column,
        text: said,
        ..
    } = label.frame;
    let line = (*line)?;
    if let Some(said) = said {
        // The object knows the line: another one stands there now.
        let now = text.as_str().get(text.line(line)?)?;
        if now.trim() != untrusted::line(said.as_str()).trim() {
            return None;
        }
    }
    let span = text.span(line, *column)?;
    Some(label.kind.span(span).label(label.text.clone()))
}

/// The lines before and after.
fn around<'a>(text: &Text, line: u32) -> Option<Annotation<'a>> {
    let start = text.line(line.saturating_sub(AROUND).max(1))?.start;
    let end = (0..=AROUND)
        .rev()
        .find_map(|after| text.line(line.checked_add(after)?))?
        .end;
    Some(AnnotationKind::Visible.span(start..end))
}

/// A place without its file: `.BTF.ext` may have the text of the line.
fn bare<'a>(path: &str, label: &Label<'_>) -> Vec<Element<'a>> {
    let Some(line) = label.frame.line else {
        return Vec::new();
    };
    if let Some(said) = &label.frame.text {
        let text = Text::of(&untrusted::line(said.as_str()));
        if let Some(span) = text.span(1, None) {
            return vec![
                Snippet::source(text.as_str().to_owned())
                    .line_start(usize::try_from(line).unwrap_or(usize::MAX))
                    .path(path.to_owned())
                    .annotation(label.kind.span(span).label(label.text.clone()))
                    .into(),
            ];
        }
    }
    let mut origin =
        Origin::path(path.to_owned()).line(usize::try_from(line).unwrap_or(usize::MAX));
    if let Some(column) = label.frame.column {
        origin = origin.char_column(usize::try_from(column).unwrap_or(usize::MAX));
    }
    vec![
        origin.into(),
        Level::NOTE.message(label.text.clone()).into(),
    ]
}

/// What follows the source lines.
fn notes<'a>(diagnosis: &'a Diagnosis, sources: &Sources) -> Vec<Message<'a>> {
    let note = |text: String| Level::NOTE.message(text);
    let named = |name: &'static str, text: String| Level::NOTE.with_name(Some(name)).message(text);
    let mut notes = Vec::new();
    if let Some(step) = &diagnosis.instruction {
        notes.extend(inlined(step, sources).map(|text| named("inlined", text)));
    }
    let place = match &diagnosis.instruction {
        Some(step) if !step.text.is_empty() => format!(
            "instruction {} of `{}` ({}): {}",
            step.index, diagnosis.program, diagnosis.section, step.text
        ),
        _ => format!("in `{}` ({})", diagnosis.program, diagnosis.section),
    };
    notes.push(note(place));
    let others = diagnosis
        .registers
        .iter()
        .filter(|register| !register.named);
    notes.extend(others.filter_map(known).map(note));
    let said = if diagnosis.message.is_empty() {
        std::io::Error::from_raw_os_error(diagnosis.error).to_string()
    } else {
        diagnosis.message.join("\n")
    };
    notes.push(note(format!(
        "the verifier of Linux {} said: {said}",
        diagnosis.kernel
    )));
    notes.extend(diagnosis.rule.map(|rule| named("rule", rule.to_owned())));
    notes.extend(diagnosis.hint.map(|hint| Level::HELP.message(hint)));
    if let Some(file) = &diagnosis.log_file {
        let what = if diagnosis.log_truncated {
            "as much of the log as kernels give"
        } else {
            "the whole log"
        };
        notes.push(note(format!(
            "{what}: {}",
            untrusted::line(&file.display().to_string())
        )));
    }
    notes
}

/// The chain of inlined functions, one a line; none where there is but one function.
fn inlined(step: &Step, sources: &Sources) -> Option<String> {
    let [innermost, outer @ ..] = step.frames.as_slice() else {
        return None;
    };
    if outer.is_empty() {
        return None;
    }
    let mut chain = place_in(innermost, sources);
    for frame in outer {
        chain += &format!("\ninto {}", place_in(frame, sources));
    }
    Some(chain)
}

/// `core::ptr::read_volatile (core/src/ptr/mod.rs:2095)`
fn place_in(frame: &Frame, sources: &Sources) -> String {
    let function = frame
        .function
        .as_ref()
        .map_or_else(|| "?".to_owned(), |name| name.demangled().to_string());
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{function} ({}:{line})", sources.shown(file.as_str())),
        (Some(file), None) => format!("{function} ({})", sources.shown(file.as_str())),
        _ => function,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::diagnosis::{
        Refusal, Source,
        rejections::{self, KERNELS},
    };

    const OF_OTHER_KERNELS: [&str; 5] = [
        "call-depth",
        "global-function",
        "map-bounds",
        "packet-bounds",
        "unchecked-map-value",
    ];

    fn refusal<'a>(program: &'a str, log: &'a str) -> Refusal<'a> {
        Refusal {
            program,
            section: "raw_tp/sys_enter",
            kernel: "6.18.44",
            error: 13,
            log,
            truncated: false,
        }
    }

    fn shown(object: &[u8], program: &str, log: &str, sources: &Sources) -> String {
        let mut diagnosis = Source::of(object).diagnose(&refusal(program, log));
        diagnosis.log_file = Some(PathBuf::from("target/ebpf/verifier.log"));
        render(&diagnosis, sources, &Renderer::plain())
    }

    fn sources() -> Sources {
        Sources::under(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify"))
    }

    const INLINED: &[u8] = include_bytes!("../../tests/verify/objects/inlined.o");
    const INLINED_LOG: &str = include_str!("../../tests/verify/logs/6.18-inlined.log");

    #[test]
    fn a_refusal_in_an_inlined_function() {
        insta::assert_snapshot!(shown(INLINED, "count", INLINED_LOG, &sources()));
    }

    #[test]
    fn a_refusal_without_its_source_file() {
        insta::assert_snapshot!(shown(INLINED, "count", INLINED_LOG, &Sources::none()));
    }

    #[test]
    fn a_line_that_the_object_carries() {
        let mut diagnosis = Source::of(INLINED).diagnose(&refusal("count", INLINED_LOG));
        diagnosis.registers.clear();
        let step = diagnosis.instruction.as_mut().unwrap();
        let own = step.own.unwrap();
        step.frames[own].text = Some(Name::from("\t*waits\u{1b}[2J += 1;"));
        // The file has another line there: it is not what was compiled.
        for sources in [Sources::none(), sources()] {
            let text = render(&diagnosis, &sources, &Renderer::plain());
            assert!(text.contains("34 | "), "{text}");
            assert!(text.contains("*waits\\u{1b}[2J += 1;"), "{text}");
            assert!(!text.contains("get_unchecked_mut"), "{text}");
        }
    }

    #[test]
    fn a_packet_that_is_not_checked() {
        let object = include_bytes!("../../tests/verify/objects/packet.o");
        let log = include_str!("../../tests/verify/logs/6.18-packet.log");
        insta::assert_snapshot!(shown(object, "unchecked", log, &sources()));
    }

    #[test]
    fn an_endless_loop() {
        let object = include_bytes!("../../tests/verify/objects/endless.o");
        let log = include_str!("../../tests/verify/logs/6.18-loop.log");
        insta::assert_snapshot!(shown(object, "endless", log, &sources()));
    }

    #[test]
    fn what_is_no_object_still_has_its_message() {
        let log = "0: (95) exit\nR0 !read_ok \u{1b}[31m\n";
        let text = shown(b"", "p\u{1b}[31m", log, &Sources::none());
        assert!(text.contains("R0 !read_ok"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    /// Each class as the newest kernel that refuses its program shows it, and some as
    /// others do.
    #[test]
    fn every_class() {
        let sources = Sources::under(rejections::folder());
        for program in rejections::all() {
            let newest = KERNELS.into_iter().rev().find(|kernel| {
                let answer = program.answer(kernel);
                answer.is_refusal() && program.expected(kernel) == Some(&program.code)
            });
            let others = ["5.10", "7.3"].into_iter().filter(|kernel| {
                OF_OTHER_KERNELS.contains(&program.code.as_str()) && newest != Some(kernel)
            });
            for kernel in newest.into_iter().chain(others) {
                let mut diagnosis = program.diagnosis(kernel, &program.answer(kernel));
                diagnosis.log_file = Some(PathBuf::from("target/ebpf/verifier.log"));
                let text = render(&diagnosis, &sources, &Renderer::plain().term_width(100));
                insta::with_settings!({snapshot_path => "snapshots/rejections", prepend_module_to_snapshot => false}, {
                    insta::assert_snapshot!(format!("{}.{kernel}", program.code), text);
                });
            }
        }
    }
}
