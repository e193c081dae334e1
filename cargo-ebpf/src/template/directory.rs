//! A new directory, which is complete or absent.

use std::{fs, io, path::Path};

use ebpf_base::temporary::TemporaryDirectory;
use ebpf_build::{Error, Result};

use super::File;
use crate::code::Code;

/// Creates `directory` with `files`. Nothing is overwritten, and nothing is left if it fails.
///
/// # Errors
/// When there is something at `directory`, or it cannot be written.
pub(crate) fn create(directory: &Path, files: &[File]) -> Result<()> {
    let failed = |cause: io::Error| Error::io("create", directory, &cause);
    if fs::symlink_metadata(directory).is_ok() {
        return Err(exists(directory));
    }
    let parent = directory.parent().filter(|parent| *parent != Path::new(""));
    let temporary = TemporaryDirectory::new_in(parent.unwrap_or(Path::new(".")))?;
    // It has the permissions that others' directories have; the temporary one has not.
    let made = temporary.path().join("project");
    for file in files {
        let path = made.join(&file.path);
        let written = fs::create_dir_all(path.parent().unwrap_or(&made))
            .and_then(|()| fs::write(&path, &file.content));
        written.map_err(failed)?;
    }
    fs::rename(&made, directory).map_err(|cause| match cause.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => exists(directory),
        _ => failed(cause),
    })
}

fn exists(directory: &Path) -> Error {
    Error::new(
        Code::ProjectExists,
        format!("{} already exists", directory.display()),
    )
    .fix("choose another name; to set up an existing project, run `cargo ebpf init` in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> File {
        File {
            path: path.into(),
            content: "x".to_owned(),
        }
    }

    #[test]
    fn a_directory_is_complete_or_absent() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("new");
        // The second file cannot be written: the first stands in the way.
        create(&directory, &[file("a"), file("a/b")]).unwrap_err();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        create(&directory, &[file("a"), file("b/c")]).unwrap();
        assert_eq!(fs::read_to_string(directory.join("b/c")).unwrap(), "x");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        for (name, there) in [("file", false), ("empty", true)] {
            let path = parent.path().join(name);
            if there {
                fs::create_dir(&path).unwrap();
            } else {
                fs::write(&path, "mine").unwrap();
            }
            let error = create(&path, &[file("a")]).unwrap_err();
            assert_eq!(error.code(), "project-exists");
        }
        let link = parent.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        create(&link, &[file("a")]).unwrap_err();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    }
}
