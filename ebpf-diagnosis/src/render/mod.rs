//! A diagnosis in the look of rustc's errors.

mod note;
pub mod source;

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Message, Origin, Renderer, Snippet,
};
use ebpf_base::Finding;
use ebpf_base::untrusted;

use self::source::{Sources, Text};
use crate::{
    diagnosis::{Change, Diagnosis, Note, Register, Step, UNKNOWN},
    object::{Name, lines::Frame},
};

/// How many lines are shown before and after the one that is pointed at.
const AROUND: u32 = 2;

/// The text for a person, with source lines from `sources` where the files are there.
pub fn human(diagnosis: &Diagnosis, sources: &Sources) -> String {
    let width = terminal_size::terminal_size().map_or(140, |(width, _)| usize::from(width.0));
    render(
        diagnosis,
        sources,
        &Renderer::styled().term_width(width.max(60)),
    )
}

/// The same in short, at the line that is complained of.
pub fn finding(diagnosis: &Diagnosis, sources: &Sources) -> Finding {
    let mut finding = Finding::error(
        diagnosis.code,
        match diagnosis {
            Diagnosis { program, title, .. } if program.is_empty() => title.clone(),
            Diagnosis {
                program,
                kernel,
                title,
                ..
            } if kernel.is_empty() => format!("`{program}`: {title}"),
            Diagnosis {
                program,
                kernel,
                title,
                ..
            } => format!("`{program}` on Linux {kernel}: {title}"),
        },
    )
    .because(diagnosis.message.join("\n"));
    finding.fix = diagnosis.hint.map(str::to_owned);
    let place = diagnosis.instruction.as_ref().and_then(Step::place);
    match place.and_then(|frame| Some((frame.file.as_ref()?, frame.line))) {
        Some((file, line)) => finding.at(sources.shown(file.as_str()), line),
        None => finding,
    }
}

/// The same without colour, whatever the terminal is.
pub fn plain(diagnosis: &Diagnosis, sources: &Sources) -> String {
    render(diagnosis, sources, &Renderer::plain())
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
    let pointed_at = labels.first().map(|label| label.frame);
    for other in &diagnosis.others {
        if let (Some(frame), Some(note)) = (other.place(), &other.note) {
            labels.push(Label {
                frame,
                kind: AnnotationKind::Context,
                text: note.to_string(),
            });
        }
    }
    for register in &diagnosis.registers {
        for step in &register.story {
            // The label of the place itself contains what was set there.
            let is_shown = step.place() == pointed_at
                && changes(step).first().is_some_and(Change::is_definition);
            if let (Some(frame), Some(note), false) = (step.place(), &step.note, is_shown) {
                labels.push(Label {
                    frame,
                    kind: AnnotationKind::Context,
                    text: format!("{} {note}", register.name),
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
    if let Some(meaning) = &diagnosis.meaning {
        return meaning.clone();
    }
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

/// What happened to a value in a step.
fn changes(step: &Step) -> &[Change] {
    match &step.note {
        Some(Note::Changes(changes)) => changes,
        _ => &[],
    }
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
    notes.extend(position(diagnosis).map(note));
    // Not if a label contains it.
    let is_shown = |register: &Register| {
        let result = changes(register.story.first()?).last()?.result()?;
        Some(register.known.as_deref()? == result)
    };
    let others = diagnosis
        .registers
        .iter()
        .filter(|register| !register.named && is_shown(register) != Some(true));
    notes.extend(others.filter_map(known).map(note));
    notes.push(note(said(diagnosis)));
    notes.extend(diagnosis.rule.map(|rule| named("rule", rule.to_owned())));
    notes.extend(diagnosis.hint.map(|hint| Level::HELP.message(hint)));
    if let Some(file) = &diagnosis.log_file {
        let what = if diagnosis.log_truncated {
            "truncated log"
        } else {
            "full log"
        };
        notes.push(note(format!(
            "{what}: {}",
            sources.shown(&file.to_string_lossy())
        )));
    }
    notes
}

/// The instruction and the program.
fn position(diagnosis: &Diagnosis) -> Option<String> {
    let program = match (diagnosis.program.as_str(), diagnosis.section.as_str()) {
        ("", _) => None,
        (program, "") => Some(format!("`{program}`")),
        (program, section) => Some(format!("`{program}` ({section})")),
    };
    match (&diagnosis.instruction, program) {
        (Some(Step { index, text, .. }), Some(program)) if !text.is_empty() => {
            Some(format!("instruction {index} of {program}: {text}"))
        }
        (Some(Step { index, text, .. }), None) if !text.is_empty() => {
            Some(format!("instruction {index}: {text}"))
        }
        (_, program) => Some(format!("in {}", program?)),
    }
}

/// The message of the kernel, if the source line does not show it already.
fn said(diagnosis: &Diagnosis) -> String {
    // What is compared where a loop is found are all registers there are.
    let is_state = |line: &str| line.starts_with("cur state: ") || line.starts_with("old state: ");
    let lines: Vec<_> = diagnosis
        .message
        .iter()
        .map(String::as_str)
        .filter(|line| !is_state(line))
        .collect();
    let verifier = match diagnosis.kernel.as_str() {
        "" => "the verifier".to_owned(),
        kernel => format!("the Linux {kernel} verifier"),
    };
    let is_shown = diagnosis
        .instruction
        .as_ref()
        .and_then(Step::place)
        .is_some();
    match lines.as_slice() {
        [] if diagnosis.error == 0 => format!("{verifier} gives no reason in this log"),
        [] => {
            let error = std::io::Error::from_raw_os_error(diagnosis.error);
            format!("{verifier} reports: {error}")
        }
        [line] if is_shown && *line == primary(diagnosis) => {
            format!("reported by {verifier}")
        }
        lines => format!("{verifier} reports: {}", lines.join("\n")),
    }
}

/// The chain of inlined functions, one a line; none where there is but one function.
fn inlined(step: &Step, sources: &Sources) -> Option<String> {
    let [innermost, outer @ ..] = without_macro(&step.frames) else {
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

/// The chain without the function that aya-ebpf's macros make around the user's, of the
/// same name: `count::count` in `count`.
fn without_macro(frames: &[Frame]) -> &[Frame] {
    let name = |frame: &Frame| {
        frame
            .function
            .as_ref()
            .map(|name| name.demangled().to_string())
    };
    match frames {
        [inner @ .., own, made] => {
            let is_made = name(own).zip(name(made)).is_some_and(|(own, made)| {
                own.strip_suffix(&made)
                    .is_some_and(|module| module.ends_with("::"))
            });
            let kept = inner.len() + 1 + usize::from(!is_made);
            frames.get(..kept).unwrap_or(frames)
        }
        short => short,
    }
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
        Rejection, Source,
        rejections::{self, KERNELS, Program},
    };

    /// Classes that are looked at as the oldest kernel shows them, too: it says least.
    const OF_OLDEST: [&str; 6] = [
        "call-depth",
        "global-function",
        "map-bounds",
        "packet-bounds",
        "too-many-instructions",
        "unchecked-map-value",
    ];

    fn refusal<'a>(program: &'a str, log: &'a str) -> Rejection<'a> {
        Rejection {
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
        Sources::under(Path::new(env!("CARGO_MANIFEST_DIR")).join("../cargo-ebpf/tests/verify"))
    }

    const INLINED: &[u8] = include_bytes!("../../../cargo-ebpf/tests/verify/objects/inlined.o");
    const INLINED_LOG: &str =
        include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-inlined.log");

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
        let object = include_bytes!("../../../cargo-ebpf/tests/verify/objects/packet.o");
        let log = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-packet.log");
        insta::assert_snapshot!(shown(object, "unchecked", log, &sources()));
    }

    #[test]
    fn an_endless_loop() {
        let object = include_bytes!("../../../cargo-ebpf/tests/verify/objects/endless.o");
        let log = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-loop.log");
        insta::assert_snapshot!(shown(object, "endless", log, &sources()));
    }

    #[test]
    fn what_is_no_object_still_has_its_message() {
        let log = "0: (95) exit\nR0 !read_ok \u{1b}[31m\n";
        let text = shown(b"", "p\u{1b}[31m", log, &Sources::none());
        assert!(text.contains("R0 !read_ok"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    /// The sources without the marks for these tests.
    fn unmarked(folder: &Path) -> Sources {
        let bin = folder.join("programs/src/bin");
        std::fs::create_dir_all(&bin).unwrap();
        for program in rejections::all() {
            let lines = program.text.lines();
            let lines = lines.map(|line| line.split_once("//~").map_or(line, |(code, _)| code));
            let text: String = lines.flat_map(|line| [line.trim_end(), "\n"]).collect();
            std::fs::write(bin.join(format!("{}.rs", program.file)), text).unwrap();
        }
        Sources::under(folder.to_owned())
    }

    /// The kernels that refuse a program as what it is for, oldest first.
    fn refusing(program: &Program) -> Vec<&'static str> {
        let refuses = |kernel: &&str| {
            program.answer(kernel).is_refusal() && program.expected(kernel) == Some(&program.code)
        };
        KERNELS.into_iter().filter(refuses).collect()
    }

    fn as_shown(program: &Program, kernel: &str, sources: &Sources) -> String {
        let mut diagnosis = program.diagnosis(kernel, &program.answer(kernel));
        diagnosis.log_file = Some(PathBuf::from("target/ebpf/verifier.log"));
        render(&diagnosis, sources, &Renderer::plain())
    }

    /// Each class as the newest kernel that refuses its program shows it, and some as the
    /// oldest does.
    #[test]
    fn every_class() {
        let folder = tempfile::tempdir().unwrap();
        let sources = unmarked(folder.path());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots/rejections");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let _bound = settings.bind_to_scope();
        for program in rejections::all() {
            let kernels = refusing(&program);
            let others = OF_OLDEST.contains(&program.file.as_str());
            let oldest = kernels.first().filter(|_| others && kernels.len() > 1);
            for kernel in kernels.last().into_iter().chain(oldest) {
                let text = as_shown(&program, kernel, &sources);
                insta::assert_snapshot!(format!("{}.{kernel}", program.file), text);
            }
        }
    }

    /// `REJECTIONS_DOCS=write` writes it there.
    #[test]
    fn every_page_shows_what_the_terminal_shows() {
        const BEFORE: &str = "The terminal shows:\n\n```text\n";
        let folder = tempfile::tempdir().unwrap();
        let sources = unmarked(folder.path());
        let mut stale = Vec::new();
        let programs = rejections::all();
        for program in programs.iter().filter(|program| program.case.is_none()) {
            let Some(kernel) = refusing(program).pop() else {
                continue;
            };
            let path = rejections::page(&program.code);
            let page = std::fs::read_to_string(&path).unwrap();
            let (start, end) = page.split_once("\n## Instead\n").unwrap();
            let start = start.split(BEFORE).next().unwrap().trim_end();
            let text = as_shown(program, kernel, &sources);
            let wanted = format!("{start}\n\n{BEFORE}{text}\n```\n\n## Instead\n{end}");
            if rejections::write_docs() {
                std::fs::write(&path, wanted).unwrap();
            } else if page != wanted {
                stale.push(&program.code);
            }
        }
        assert!(stale.is_empty(), "REJECTIONS_DOCS=write for {stale:?}");
    }
}
