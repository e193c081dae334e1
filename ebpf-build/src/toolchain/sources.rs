//! Whether a sysroot holds the library sources of its own compiler.
//!
//! `-Z build-std` compiles `core` from source, and `core` of another version may
//! build by luck, or fail, or be wrong. Nothing beside the sources names their
//! version in every packaging, but the sources themselves do: each stable item
//! carries `since = "1.N.0"`, and on the way to a release the placeholder
//! `CURRENT_RUSTC_VERSION`. So the newest mark tells which release they belong to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::rustc::RustVersion;

/// What a development tree has in place of the version that it will become.
const PLACEHOLDER: &str = "CURRENT_RUSTC_VERSION";

/// Where cargo looks for them under a sysroot.
pub(super) fn folder(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/src/rust/library")
}

/// Whether there are any.
pub(super) fn present(sysroot: &Path) -> bool {
    folder(sysroot).join("core/src/lib.rs").is_file()
}

/// The version that the sources in `library` belong to.
///
/// # Errors
/// When they cannot be read or carry no mark at all.
pub(super) fn version(library: &Path) -> io::Result<RustVersion> {
    let mut newest = None;
    let mut placeholder = false;
    visit(&library.join("core/src"), &mut |text| {
        for mark in text.lines().filter_map(stability_mark) {
            match mark {
                PLACEHOLDER => placeholder = true,
                mark => newest = newest.max(RustVersion::parse(mark)),
            }
        }
    })?;
    let mut version = newest.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "core contains no stability attributes",
        )
    })?;
    if placeholder {
        version.minor += 1;
    }
    Ok(version)
}

/// The version in `#[stable(feature = "x", since = "1.96.0")]` and its kin.
/// Deprecations can name versions to come, and doc comments any version at all.
fn stability_mark(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("//") || !line.contains("stable(") {
        return None;
    }
    let (_, rest) = line.split_once("since = \"")?;
    rest.split('"').next()
}

fn visit(folder: &Path, look: &mut impl FnMut(&str)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            visit(&path, look)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("core/src").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_newest_mark_is_the_version() {
        let folder = sources(&[
            ("lib.rs", "#[stable(feature = \"a\", since = \"1.9.0\")]\n"),
            (
                "num/mod.rs",
                "    #[rustc_const_stable(feature = \"b\", since = \"1.96.0\")]\n",
            ),
        ]);
        assert_eq!(
            version(folder.path()).unwrap(),
            RustVersion {
                major: 1,
                minor: 96
            }
        );
    }

    #[test]
    fn a_development_tree_is_one_ahead() {
        let folder = sources(&[(
            "lib.rs",
            "#[stable(feature = \"a\", since = \"1.96.0\")]\n\
             #[stable(feature = \"b\", since = \"CURRENT_RUSTC_VERSION\")]\n",
        )]);
        assert_eq!(
            version(folder.path()).unwrap(),
            RustVersion {
                major: 1,
                minor: 97
            }
        );
    }

    #[test]
    fn comments_and_deprecations_do_not_count() {
        let folder = sources(&[(
            "lib.rs",
            "#[stable(feature = \"a\", since = \"1.96.0\")]\n\
             /// #[stable(feature = \"a\", since = \"1.99.0\")]\n\
             #[deprecated(since = \"1.99.0\")]\n",
        )]);
        assert_eq!(
            version(folder.path()).unwrap(),
            RustVersion {
                major: 1,
                minor: 96
            }
        );
    }

    #[test]
    fn no_marks_is_an_error() {
        assert!(version(sources(&[("lib.rs", "")]).path()).is_err());
        assert!(version(Path::new("/nonexistent")).is_err());
    }
}
