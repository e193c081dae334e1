//! A program that is to be refused, and what its source says of it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use test_support::Marks;

/// A program, and what is expected of it.
#[derive(Debug)]
pub(crate) struct Provocation {
    /// What its files are called: the class, and behind `--` the case.
    pub(crate) name: String,
    /// The class that it provokes.
    pub(crate) code: String,
    /// Whether it is to be rejected, or follows the hint of that rejection.
    pub(crate) kind: Kind,
    /// What its source says.
    pub(crate) marks: Marks,
}

/// What is to become of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It is rejected.
    Rejected,
    /// It is the same with the hint followed, and is accepted.
    Followed,
}

impl Kind {
    /// Where the sources are, and where the objects.
    fn folders(self) -> (&'static str, &'static str) {
        match self {
            Self::Rejected => ("programs/src/bin", "objects"),
            Self::Followed => ("followed/src/bin", "objects/followed"),
        }
    }
}

/// The folder of this test.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejections")
}

/// All of a kind, by name.
pub(crate) fn all(kind: Kind) -> io::Result<Vec<Provocation>> {
    let (sources, _) = kind.folders();
    let mut all = fs::read_dir(folder().join(sources))?
        .map(|source| Provocation::read(&source?.path(), kind))
        .collect::<io::Result<Vec<_>>>()?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

impl Provocation {
    fn read(source: &Path, kind: Kind) -> io::Result<Self> {
        let name = source
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let class = name.split_once("--").map_or(&*name, |(class, _)| class);
        Ok(Self {
            code: class.to_owned(),
            kind,
            marks: Marks::of(&fs::read_to_string(source)?),
            name,
        })
    }

    /// What was built from it.
    pub(crate) fn object(&self) -> PathBuf {
        let (_, objects) = self.kind.folders();
        folder().join(objects).join(format!("{}.o", self.name))
    }
}
