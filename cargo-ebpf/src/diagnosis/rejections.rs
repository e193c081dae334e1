//! The programs of `tests/rejections`, and what kernels said of them: see README.md there.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{Diagnosis, Refusal, Source};
use crate::{object::elf::Elf, verifier::origin};

/// The kernels whose logs are kept, oldest first. 6.18 was a machine's own.
pub(crate) const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.3"];

/// A program that provokes a class.
pub(crate) struct Program {
    /// The class.
    pub(crate) code: String,
    /// Its source.
    pub(crate) text: String,
    object: Vec<u8>,
    name: String,
    section: String,
}

/// What a kernel did with a program.
pub(crate) struct Answer {
    header: String,
    log: String,
}

/// The folder of the programs' crate: debug information calls it `programs`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejections")
}

/// All programs, by class.
pub(crate) fn all() -> Vec<Program> {
    let sources = fs::read_dir(folder().join("programs/src/bin")).unwrap();
    let mut all: Vec<_> = sources
        .map(|source| Program::read(&source.unwrap().path()))
        .collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all
}

/// The page of a class, or `kernels`.
pub(crate) fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/rejections/{name}.md"))
}

/// Whether tests are to write what they make for the docs, in place of comparing it.
pub(crate) fn write_docs() -> bool {
    env::var_os("REJECTIONS_DOCS").is_some_and(|value| value == "write")
}

/// Values behind `//@ name: ` in a source.
fn directives<'a>(source: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    source.lines().filter_map(move |line| {
        line.strip_prefix("//@ ")?
            .strip_prefix(name)?
            .strip_prefix(": ")
    })
}

impl Program {
    fn read(source: &Path) -> Self {
        let code = source.file_stem().unwrap().to_str().unwrap().to_owned();
        let object = fs::read(folder().join(format!("objects/{code}.o"))).unwrap();
        let linked = origin::link(&object);
        let [program] = linked.as_slice() else {
            panic!("{code}: {} programs", linked.len());
        };
        let section = Elf::parse(&object).unwrap().sections[program.section]
            .name
            .to_string();
        Self {
            text: fs::read_to_string(source).unwrap(),
            name: program.name.clone(),
            section,
            object,
            code,
        }
    }

    /// The lines that a diagnosis of this class may point at, in order.
    pub(crate) fn marked(&self, code: &str) -> Vec<u32> {
        let lines = self.text.lines().zip(1..);
        let marks = lines.filter_map(|(line, number)| {
            let (_, mark) = line.split_once("//~")?;
            let (up, of) = mark.split_once(" ERROR ")?;
            (of == code).then(|| number - u32::try_from(up.len()).unwrap())
        });
        marks.collect()
    }

    /// What a kernel is to make of it; nothing where it is to be accepted.
    pub(crate) fn expected(&self, kernel: &str) -> Option<&str> {
        let has = |kernels: &str| kernels.split(' ').any(|of| of == kernel);
        for elsewhere in directives(&self.text, "elsewhere") {
            let (code, kernels) = elsewhere.split_once(' ').unwrap();
            if has(kernels) {
                return Some(code);
            }
        }
        // Guests load with all rights.
        let with_rights = directives(&self.text, "without").next().is_some() && kernel != "6.18";
        let not_this = directives(&self.text, "kernels").any(|kernels| !has(kernels));
        (!with_rights && !not_this).then_some(&self.code)
    }

    /// What a kernel said.
    pub(crate) fn answer(&self, kernel: &str) -> Answer {
        let path = folder().join(format!("logs/{kernel}/{}.log", self.code));
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
        let (header, log) = text.split_once("\n\n").unwrap();
        Answer {
            header: header.to_owned(),
            log: log.to_owned(),
        }
    }

    /// The diagnosis of a refusal with a log.
    pub(crate) fn diagnosis(&self, kernel: &str, answer: &Answer) -> Diagnosis {
        Source::of(&self.object).diagnose(&Refusal {
            program: &self.name,
            section: &self.section,
            kernel,
            error: answer.noted("error").unwrap().parse().unwrap(),
            log: &answer.log,
            truncated: false,
        })
    }
}

impl Answer {
    /// `value` of `name: value`.
    pub(crate) fn noted(&self, name: &str) -> Option<&str> {
        self.header
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Whether the verifier refused it, and said why.
    pub(crate) fn is_refusal(&self) -> bool {
        self.noted("verdict") == Some("refused")
    }
}
