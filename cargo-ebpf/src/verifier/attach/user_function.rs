//! A function of a program or library, as sections name it, found in its file.

use std::{
    env,
    ffi::CString,
    fs::{self, File},
    io,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use ebpf_base::untrusted;
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, ReadCache};

use super::{Failure, Program};

/// A place in a file.
#[derive(Debug)]
pub(super) struct UserFunction {
    pub(super) path: CString,
    /// From the file's beginning, in bytes.
    pub(super) offset: u64,
}

/// Where libraries are looked for that are named without a folder, after those of
/// LD_LIBRARY_PATH.
const FOLDERS: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// The one that `program` names: `path:function`, `path:function+offset`.
pub(super) fn of(program: &Program<'_>) -> Result<UserFunction, Failure> {
    let target = program.target("file and function")?;
    let shown = untrusted::name(target);
    let (file, function) = target
        .rsplit_once(':')
        .filter(|(file, function)| !file.is_empty() && !function.is_empty())
        .ok_or_else(|| Failure::not_tried(format!("`{shown}` is not of the form path:function")))?;
    let path = find(file).ok_or_else(|| Failure::NotTried {
        reason: format!("the file `{}` does not exist", untrusted::name(file)),
        fix: Some(
            "name an existing file; a guest contains only the files of cargo ebpf, so other files are \
             available only with --kernel host",
        ),
    })?;
    let (name, offset) = with_offset(function);
    let unreadable = |cause: String| {
        Failure::not_tried(format!(
            "`{}` cannot be read as a program or library: {}",
            untrusted::name(file),
            untrusted::lines(&cause)
        ))
    };
    let start = in_file(&path, name).map_err(unreadable)?.ok_or_else(|| {
        Failure::refused(
            io::Error::from_raw_os_error(libc::ENOENT),
            format!(
                "`{}` has no function `{}`",
                untrusted::name(file),
                untrusted::name(name)
            ),
            "a stripped file contains only the names of exported functions; use one of these, or \
             an offset",
        )
    })?;
    Ok(UserFunction {
        path: CString::new(path.as_os_str().as_bytes())
            .map_err(|_| Failure::not_tried("a path cannot contain NUL"))?,
        offset: start.saturating_add(offset),
    })
}

/// `name+0x10` as a name and a number of bytes.
pub(super) fn with_offset(function: &str) -> (&str, u64) {
    let parsed = function.rsplit_once('+').and_then(|(name, offset)| {
        let offset = match offset.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => offset.parse(),
        };
        Some((name, offset.ok()?))
    });
    parsed.unwrap_or((function, 0))
}

/// Aya leaves the slash away that a path begins with; libbpf looks for what has no
/// folder among the libraries.
fn find(file: &str) -> Option<PathBuf> {
    let is_file = |path: &PathBuf| fs::metadata(path).is_ok_and(|data| data.is_file());
    if file.contains('/') {
        return Some(Path::new("/").join(file)).filter(is_file);
    }
    let named = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let multiarch = |folder: &Path| {
        let triplet = format!("{}-linux-gnu", env::consts::ARCH);
        [folder.join(triplet), folder.to_path_buf()]
    };
    env::split_paths(&named)
        .chain(FOLDERS.map(PathBuf::from))
        .flat_map(|folder| multiarch(&folder))
        .map(|folder| folder.join(file))
        .find(is_file)
}

/// Where a function begins in a file.
fn in_file(path: &Path, name: &str) -> Result<Option<u64>, String> {
    // What has become a pipe meanwhile does not hold us up.
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| error.to_string())?;
    let cache = ReadCache::new(file);
    let elf = object::File::parse(&cache).map_err(|error| error.to_string())?;
    let address = elf
        .symbols()
        .chain(elf.dynamic_symbols())
        .filter(|symbol| symbol.is_definition() && symbol.kind() == object::SymbolKind::Text)
        .find(|symbol| symbol.name() == Ok(name))
        .map(|symbol| symbol.address());
    Ok(address.and_then(|address| {
        elf.segments().find_map(|segment| {
            let (offset, size) = segment.file_range();
            let within = address.checked_sub(segment.address())?;
            (within < size).then(|| offset.checked_add(within))?
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_bytes_in_either_base() {
        assert_eq!(with_offset("malloc"), ("malloc", 0));
        assert_eq!(with_offset("malloc+0x10"), ("malloc", 16));
        assert_eq!(with_offset("malloc+10"), ("malloc", 10));
        assert_eq!(with_offset("operator+"), ("operator+", 0));
    }

    #[test]
    fn a_library_is_found_by_its_name_and_a_function_in_it() {
        let this = env::current_exe().expect("a test has a file");
        let found = in_file(&this, "main").expect("it is ELF");
        assert!(found.is_some_and(|offset| offset > 0));
        assert_eq!(in_file(&this, "no such function"), Ok(None));
        assert!(in_file(Path::new("/dev/null"), "main").is_err());
        assert_eq!(find("no-such-library.so.1"), None);
        // As Aya writes it.
        let relative = this.to_str().expect("UTF-8").trim_start_matches('/');
        assert_eq!(find(relative), Some(this.clone()));
    }
}
