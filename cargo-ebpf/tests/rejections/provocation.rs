//! A program that is to be refused, and what its source says of it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use test_support::Marks;

/// A program that is to be refused.
#[derive(Debug)]
pub(crate) struct Provocation {
    /// The class that it provokes.
    pub(crate) code: String,
    /// What its source says.
    pub(crate) marks: Marks,
}

/// The folder of this test.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejections")
}

/// All of them, by name.
pub(crate) fn all() -> io::Result<Vec<Provocation>> {
    let sources = fs::read_dir(folder().join("programs/src/bin"))?;
    let mut all = sources
        .map(|source| Provocation::read(&source?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    all.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(all)
}

impl Provocation {
    fn read(source: &Path) -> io::Result<Self> {
        Ok(Self {
            code: source
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            marks: Marks::of(&fs::read_to_string(source)?),
        })
    }

    /// What was built from it.
    pub(crate) fn object(&self) -> PathBuf {
        folder().join("objects").join(format!("{}.o", self.code))
    }
}
