//! Every class on every kernel whose logs are kept: the diagnosis is of the right class
//! and at the right line. What comes out is the table in `docs/rejections/kernels.md`;
//! `REJECTIONS_DOCS=write cargo test -p ebpf-diagnosis --lib on_kernels` writes it.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use super::{
    Diagnosis, catalogue,
    rejections::{self, Answer, KERNELS, Program},
};
use crate::object::Name;

/// Classes that no program can provoke by itself: they are the machine's state.
const OF_THE_MACHINE: [&str; 3] = ["memlock-limit", "no-rights", "core-relocation"];

/// What a kernel made of a program.
struct Cell {
    words: String,
    /// What is wrong with it.
    wrong: Vec<String>,
    /// The class that it was told as.
    told: Option<&'static str>,
}

impl Cell {
    fn of(program: &Program, kernel: &str) -> Self {
        let answer = program.answer(kernel);
        let expected = program.expected(kernel);
        if answer.is_refusal() {
            let diagnosis = program.diagnosis(kernel, &answer);
            return Self::of_refusal(program, expected, &diagnosis);
        }
        Self::of_verdict(program, expected, &answer)
    }

    fn of_refusal(program: &Program, expected: Option<&str>, diagnosis: &Diagnosis) -> Self {
        let mut wrong = Vec::new();
        if expected != Some(diagnosis.code) {
            wrong.push(format!("is {}, not {expected:?}", diagnosis.code));
        }
        let line = line(program, diagnosis);
        let marked = program.marks.lines(diagnosis.code);
        if !line.is_some_and(|line| marked.contains(&line)) {
            let frames = diagnosis.instruction.iter().flat_map(|step| &step.frames);
            let frames: Vec<_> = frames
                .map(|frame| (frame.file.as_ref().map(Name::as_str), frame.line))
                .collect();
            wrong.push(format!("at line {line:?}, not {marked:?}: {frames:?}"));
        }
        let case = diagnosis.case;
        if diagnosis.code == program.code && case != program.case.as_deref() {
            wrong.push(format!("is the case {case:?}, not {:?}", program.case));
        }
        if diagnosis.rule.is_none() || diagnosis.hint.is_none() {
            wrong.push("no rule or no hint".to_owned());
        }
        let names_register = |line: &String| {
            if line.starts_with("cur state") || line.starts_with("old state") {
                return false;
            }
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            let mut numbers = words.filter_map(|word| word.strip_prefix('R')?.parse::<u8>().ok());
            numbers.next().is_some_and(|number| number < 10)
        };
        let in_words = diagnosis
            .registers
            .iter()
            .any(|register| register.known.is_some() || !register.story.is_empty());
        if diagnosis.message.iter().any(names_register) && !in_words {
            wrong.push(format!("no register in words: {:?}", diagnosis.message));
        }
        let line = line.map_or_else(|| "no line".to_owned(), |line| format!("line {line}"));
        let words = if diagnosis.code == program.code {
            line
        } else {
            format!("as {}, {line}", diagnosis.code)
        };
        Self {
            words,
            wrong,
            told: Some(diagnosis.code),
        }
    }

    /// What was told without the verifier, or not refused.
    fn of_verdict(program: &Program, expected: Option<&str>, answer: &Answer) -> Self {
        let verdict = answer.noted("verdict").unwrap();
        let finding = answer.noted("finding");
        let told = catalogue::class(&program.code)
            .filter(|class| class.is_silent())
            .filter(|_| verdict != "accepted" || finding.is_some())
            .map(|class| class.code);
        let mut wrong = Vec::new();
        if told != expected {
            wrong.push(format!("{verdict}, {finding:?}: not {expected:?}"));
        }
        let words = match (verdict, finding) {
            ("accepted", None) => "accepted".to_owned(),
            ("unsupported", _) => "not supported".to_owned(),
            ("not-linked", _) => "not linked".to_owned(),
            (_, Some(finding)) => finding.to_owned(),
            (other, None) => other.to_owned(),
        };
        Self { words, wrong, told }
    }
}

/// The line of the program's own source that the diagnosis shows.
fn line(program: &Program, diagnosis: &Diagnosis) -> Option<u32> {
    let place = diagnosis.instruction.as_ref()?.place()?;
    let file = format!("src/bin/{}.rs", program.file);
    place
        .file
        .as_ref()
        .is_some_and(|name| name.as_str().ends_with(&file))
        .then_some(place.line)?
}

#[test]
fn every_class_is_told_at_its_line_on_every_kernel() {
    let mut table = String::from(BEFORE);
    let mut wrong = Vec::new();
    let mut told: BTreeSet<_> = OF_THE_MACHINE.into();
    let _ = writeln!(table, "| class | {} |", KERNELS.join(" | "));
    let _ = writeln!(table, "|---{}|", "|---".repeat(KERNELS.len()));
    let programs = rejections::all();
    let by_class = catalogue::classes().flat_map(|class| {
        let of_class = |program: &&Program| program.code == class.code;
        programs.iter().filter(of_class)
    });
    for program in by_class {
        let Program { file, code, .. } = program;
        let case = program.case.iter().map(|case| format!(": {case}"));
        let _ = write!(table, "| [{code}]({code}.md){} |", case.collect::<String>());
        for kernel in KERNELS {
            let cell = Cell::of(program, kernel);
            let _ = write!(table, " {} |", cell.words);
            wrong.extend(
                cell.wrong
                    .iter()
                    .map(|what| format!("{file} on {kernel}: {what}")),
            );
            told.extend(cell.told);
        }
        table.push('\n');
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: BTreeSet<_> = catalogue::classes().map(|class| class.code).collect();
    assert_eq!(told, all, "classes that no kernel was seen to tell");
    let path = rejections::page("kernels");
    if rejections::write_docs() {
        fs::write(&path, &table).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == table,
        "the table is stale; REJECTIONS_DOCS=write writes it"
    );
}

const BEFORE: &str = "\
# Rejection classes by kernel version

This table shows how five kernels react to each program in
[`cargo-ebpf/tests/rejections`](../../cargo-ebpf/tests/rejections/README.md). `CLASS: CASE` is a
case of a class, with its own hint on the page of the class. The results:

- `line 23`: the kernel rejects the program, and the diagnosis is this class at that line of the
  source;
- `as unknown-function, line 29`: the kernel rejects the program for another reason, with the
  diagnosis and line shown;
- `accepted`: the kernel accepts the program, because it supports the feature, lacks the
  restriction, or applies the restriction only to processes without CAP_PERFMON;
- `not supported`: this kernel does not have the program type or the attach target;
- `not linked`: this kernel lacks a function that the program calls;
- `map-refused`, `btf-refused`: the kernel rejects the map or the BTF, so no line is reported.

The column 6.18 was recorded on the host. There, these programs were loaded by a process without
CAP_PERFMON: `uninitialised-stack`, `pointer-leak`, `uninitialised-register: packet-changed`,
`uninitialised-register: released` and `tail-call: several-maps`. All other results are from a
process with all capabilities. A test generates this table from the logs of these kernels, and
compares each line number with a mark in the program's source, such as `//~ ERROR map-bounds`.

";
