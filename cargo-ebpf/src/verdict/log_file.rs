//! Keeps whole verifier logs in files.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

use ebpf_base::temporary::TemporaryFile;
use ebpf_build::{Error, Result};

/// Writes a log into `folder`, all of it or nothing, and returns its path. The name is made
/// of the object's and the program's, and replaces the log of an earlier run. Only the owner
/// of the folder can read it.
///
/// # Errors
/// When the folder cannot be made or written to.
pub(crate) fn write(folder: &Path, object: &str, program: &str, log: &str) -> Result<PathBuf> {
    let path = folder.join(file_name(object, program));
    let failed = |cause: &std::io::Error| Error::io("write", &path, cause);
    fs::create_dir_all(folder).map_err(|cause| failed(&cause))?;
    // Kernel addresses may be in it.
    let mut file = TemporaryFile::new_in(folder, 0o600).map_err(|cause| failed(&cause))?;
    file.write_all(log.as_bytes())
        .map_err(|cause| failed(&cause))?;
    // Under sudo, the log is for the user whose project this is.
    let owner = fs::metadata(folder).map_err(|cause| failed(&cause))?;
    let _ = fchown(file.file(), Some(owner.uid()), Some(owner.gid()));
    file.replace(&path).map_err(|cause| failed(&cause))?;
    Ok(path)
}

/// `<object>-<program>.verifier.log`, with nothing in it that could leave the folder
/// or that a shell would have to quote.
pub(crate) fn file_name(object: &str, program: &str) -> String {
    let object = Path::new(object)
        .file_name()
        .map_or("object".into(), |name| name.to_string_lossy());
    format!("{}-{}.verifier.log", plain(&object), plain(program))
}

fn plain(name: &str) -> String {
    /// Together with the ending this stays below the 255 bytes of a file name.
    const LENGTH: usize = 100;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') {
            c
        } else {
            '_'
        }
    };
    name.trim_start_matches('.')
        .chars()
        .take(LENGTH)
        .map(plain)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
        assert_eq!(
            file_name("target/ebpf/lock", "on_wait"),
            "lock-on_wait.verifier.log"
        );
        assert_eq!(
            file_name("x/..", "../../etc/passwd"),
            "object-_.._etc_passwd.verifier.log"
        );
        assert_eq!(file_name("a b\n", "\u{1b}[31m"), "a_b_-__31m.verifier.log");
        assert!(file_name(&"é".repeat(300), &"p".repeat(300)).len() < 255);
    }

    #[test]
    fn a_log_replaces_the_one_before() -> Result<()> {
        let folder =
            tempfile::tempdir().map_err(|cause| Error::io("make", Path::new("folder"), &cause))?;
        let path = write(folder.path(), "lock", "p", "first")?;
        assert_eq!(write(folder.path(), "lock", "p", "second")?, path);
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("second"));
        assert_eq!(fs::read_dir(folder.path()).map_or(0, Iterator::count), 1);
        let mode = fs::metadata(&path).map_or(0, |metadata| metadata.mode());
        assert_eq!(mode & 0o777, 0o600);
        Ok(())
    }
}
