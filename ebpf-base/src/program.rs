//! Programs on PATH.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The executable that a shell would run for `name`.
pub fn find_program(name: impl AsRef<Path>) -> Option<PathBuf> {
    find_program_in(name, env::split_paths(&env::var_os("PATH")?))
}

/// The first executable called `name` in these directories.
pub fn find_program_in(
    name: impl AsRef<Path>,
    directories: impl IntoIterator<Item = PathBuf>,
) -> Option<PathBuf> {
    directories
        .into_iter()
        .map(|directory| directory.join(name.as_ref()))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_files_are_programs() {
        let directories = || ["/etc".into(), "/".into(), "/bin".into()];
        assert_eq!(
            find_program_in("sh", directories()),
            Some(PathBuf::from("/bin/sh"))
        );
        assert_eq!(find_program_in("passwd", ["/etc".into()]), None);
        assert_eq!(find_program_in("etc", directories()), None, "a directory");
        assert!(find_program("sh").is_some());
    }
}
