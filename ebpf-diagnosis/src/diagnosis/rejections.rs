//! The programs of `tests/rejections`, and what kernels said of them: see README.md there.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use test_support::Marks;

use super::{Diagnosis, Rejection, Source};
use crate::{link::origin, object::elf::Elf};

/// The kernels whose logs are kept, oldest first.
pub const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", HOST, "7.3"];
/// A machine's own: there, programs are loaded with fewer rights too.
const HOST: &str = "6.18";

/// A program that provokes a class.
pub struct Program {
    /// What its files are called: the class, and behind `--` the case.
    pub file: String,
    /// The class.
    pub code: String,
    /// The case within the class.
    pub case: Option<String>,
    /// Its source.
    pub text: String,
    /// What the source says of itself.
    pub(crate) marks: Marks,
    object: Vec<u8>,
    name: String,
    section: String,
}

/// What a kernel did with a program.
pub struct Answer {
    header: String,
    log: String,
}

/// The folder of the programs' crate: debug information calls it `programs`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cargo-ebpf/tests/rejections")
}

/// All programs, by class; before those of its cases, the one of the class.
pub fn all() -> Vec<Program> {
    let sources = fs::read_dir(folder().join("programs/src/bin")).unwrap();
    let mut all: Vec<_> = sources
        .map(|source| Program::read(&source.unwrap().path()))
        .collect();
    all.sort_by(|a, b| (&a.code, &a.case).cmp(&(&b.code, &b.case)));
    all
}

/// The page of a class, or `kernels`.
pub fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/rejections/{name}.md"))
}

/// Whether tests are to write what they make for the docs, in place of comparing it.
pub fn write_docs() -> bool {
    env::var_os("REJECTIONS_DOCS").is_some_and(|value| value == "write")
}

impl Program {
    fn read(source: &Path) -> Self {
        let file = source.file_stem().unwrap().to_str().unwrap().to_owned();
        let (code, case) = match file.split_once("--") {
            Some((code, case)) => (code.to_owned(), Some(case.to_owned())),
            None => (file.clone(), None),
        };
        let object = fs::read(folder().join(format!("objects/{file}.o"))).unwrap();
        let linked = origin::link(&object);
        let [program] = linked.as_slice() else {
            panic!("{file}: {} programs", linked.len());
        };
        let section = Elf::parse(&object).unwrap().sections[program.section]
            .name
            .to_string();
        let text = fs::read_to_string(source).unwrap();
        Self {
            marks: Marks::of(&text),
            text,
            name: program.name.clone(),
            section,
            object,
            file,
            code,
            case,
        }
    }

    /// What a kernel is to make of it; nothing where it is to be accepted.
    pub fn expected(&self, kernel: &str) -> Option<&str> {
        // Guests load with all rights.
        self.marks.expected(&self.code, kernel, kernel != HOST)
    }

    /// What a kernel said.
    pub fn answer(&self, kernel: &str) -> Answer {
        let path = folder().join(format!("logs/{kernel}/{}.log", self.file));
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
        let (header, log) = text.split_once("\n\n").unwrap();
        Answer {
            header: header.to_owned(),
            log: log.to_owned(),
        }
    }

    /// The object that it was compiled to.
    pub fn object(&self) -> &[u8] {
        &self.object
    }

    /// The diagnosis of a refusal with a log.
    pub fn diagnosis(&self, kernel: &str, answer: &Answer) -> Diagnosis {
        Source::of(&self.object).diagnose(&Rejection {
            program: &self.name,
            section: &self.section,
            kernel,
            error: answer.noted("error").unwrap().parse().unwrap(),
            log: &answer.log,
            truncated: answer.noted("log") == Some("truncated"),
        })
    }
}

impl Answer {
    /// `value` of `name: value`.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.header
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The verifier's log.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Whether the verifier refused it, and said why.
    pub fn is_refusal(&self) -> bool {
        self.noted("verdict") == Some("refused")
    }
}
