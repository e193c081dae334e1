//! Separate files with debug information: where gdb looks for them, in the root of a process.

use std::{
    ffi::OsStr,
    fs::File,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use crate::symbol::{
    code_file::Outline,
    root::{self, Links},
    text::hexadecimal,
};

/// The directories for such files alone.
pub(super) const DIRECTORIES: &[&str] = &["/usr/lib/debug", "/lib/debug"];

/// The separate debug files of a file that a process has.
#[derive(Debug, Clone)]
pub(super) struct DebugFiles {
    /// In whose root they are.
    pub(super) pid: u32,
    /// Who has to be able to read them: the owner of the file, who chose their name.
    pub(super) uid: u32,
    /// The file's path, as the process sees it.
    pub(super) path: PathBuf,
}

impl DebugFiles {
    /// Those that exist; not all are of the same build.
    pub(super) fn of(&self, outline: &Outline) -> impl Iterator<Item = File> {
        candidates(&self.path, outline)
            .into_iter()
            .filter(|candidate| *candidate != self.path)
            .filter_map(|candidate| {
                root::open(self.pid, self.uid, &candidate, Links::Followed).ok()
            })
    }
}

/// Where the separate debug files of the file at `path` can be.
pub(super) fn candidates(path: &Path, outline: &Outline) -> Vec<PathBuf> {
    // As in blazesym, a file without a link has none.
    let by_build_id = outline
        .debug_link
        .as_ref()
        .and(outline.build_id.as_deref())
        .and_then(|id| {
            let (first, rest) = id.split_first()?;
            let name = || format!(".build-id/{first:02x}/{}.debug", hexadecimal(rest));
            (!rest.is_empty()).then(name)
        });
    let mut candidates: Vec<PathBuf> = DIRECTORIES
        .iter()
        .zip(by_build_id.iter().cycle())
        .map(|(directory, name)| Path::new(directory).join(name))
        .collect();
    // A link is a file's name: no path, which could lead anywhere.
    let link = outline.debug_link.as_deref().map(OsStr::from_bytes);
    let link = link.map(Path::new).filter(|link| {
        let mut parts = link.components();
        matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        )
    });
    if let (Some(link), Some(directory)) = (link, path.parent()) {
        candidates.push(directory.join(link));
        candidates.push(directory.join(".debug").join(link));
        let within = directory.strip_prefix("/").unwrap_or(directory);
        candidates.extend(DIRECTORIES.iter().flat_map(|debug| {
            [
                Path::new(debug).join(within).join(link),
                Path::new(debug).join(link),
            ]
        }));
    }
    candidates
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::candidates;
    use crate::symbol::code_file::Outline;

    fn of(build_id: Option<&[u8]>, link: Option<&str>) -> Vec<String> {
        let outline = Outline {
            build_id: build_id.map(Box::from),
            debug_link: link.map(|link| link.as_bytes().into()),
            ..Outline::default()
        };
        candidates(Path::new("/opt/lib/a.so"), &outline)
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn debug_files_are_where_gdb_looks() {
        assert_eq!(
            of(Some(&[0xab, 1, 2]), Some("/a.debug")),
            [
                "/usr/lib/debug/.build-id/ab/0102.debug",
                "/lib/debug/.build-id/ab/0102.debug",
            ]
        );
        assert_eq!(
            of(None, Some("a.debug")),
            [
                "/opt/lib/a.debug",
                "/opt/lib/.debug/a.debug",
                "/usr/lib/debug/opt/lib/a.debug",
                "/usr/lib/debug/a.debug",
                "/lib/debug/opt/lib/a.debug",
                "/lib/debug/a.debug",
            ]
        );
    }

    #[test]
    fn a_link_is_no_path() {
        for link in ["/tmp/pipe", "../a.debug", "x/a.debug", "..", ".", ""] {
            assert_eq!(of(None, Some(link)), [""; 0], "{link}");
        }
        assert_eq!(of(Some(&[7, 8]), None), [""; 0]);
        assert_eq!(
            of(Some(&[7]), Some("/")),
            [""; 0],
            "no build id is that short"
        );
    }
}
