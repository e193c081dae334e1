//! Opening an object file: the checks that keep a wrong path from costing anything.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use ebpf_base::untrusted;
use ebpf_build::{Error, Result};
use ebpf_object::{IDENT_LEN, Ident};

use crate::code::Code;

/// Larger than any real object, in bytes: with all its DWARF one has a few hundred KiB.
const MAX_LEN: u64 = 64 << 20;

/// Reads the object at `path`. What is not a BPF object is rejected after its first bytes.
///
/// # Errors
/// When there is no regular file, or it cannot be read, or its ELF header is not that of
/// a BPF object. The finding says where.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    at(path, open(path))
}

/// Adds to the error of a step on the object at `path` which file it was about.
///
/// # Errors
/// The error of `result`.
pub(crate) fn at<T>(path: &Path, result: Result<T>) -> Result<T> {
    result.map_err(|error| {
        let mut finding = error.finding().clone();
        let path = path.to_string_lossy();
        if !finding.message.contains(&*path) {
            finding.message = format!("{path}: {}", finding.message);
        }
        // The path may have been chosen by others, such as a shell's pattern.
        finding.message = untrusted::line(&finding.message).into_owned();
        finding.into()
    })
}

fn open(path: &Path) -> Result<Vec<u8>> {
    let cannot = |cause: &io::Error| match cause.kind() {
        io::ErrorKind::NotFound => Error::new(Code::ObjectNotFound, "the object does not exist")
            .because(cause.to_string())
            .fix("build it first: cargo ebpf build"),
        _ => Error::io("read", path, cause),
    };
    // Some devices act when they are opened. So look first, and again at what was
    // opened, which for a fifo must not wait for its writer.
    check_regular(&fs::metadata(path).map_err(|cause| cannot(&cause))?)?;
    let mut file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|cause| cannot(&cause))?;
    check_regular(&file.metadata().map_err(|cause| cannot(&cause))?)?;

    let mut bytes = Vec::new();
    file.by_ref()
        .take(IDENT_LEN as u64)
        .read_to_end(&mut bytes)
        .map_err(|cause| cannot(&cause))?;
    Ident::parse(&bytes)?.check_bpf()?;

    // The file may grow while it is read.
    file.take(MAX_LEN)
        .read_to_end(&mut bytes)
        .map_err(|cause| cannot(&cause))?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(Error::new(Code::ObjectTooLarge, "the object is too large")
            .because(format!("it is larger than {} MiB", MAX_LEN >> 20))
            .fix("pass an object that bpf-linker or clang has built"));
    }
    Ok(bytes)
}

fn check_regular(metadata: &Metadata) -> Result<()> {
    let file_type = metadata.file_type();
    let kind = match () {
        () if file_type.is_file() => return Ok(()),
        () if file_type.is_dir() => "a directory",
        () if file_type.is_fifo() => "a fifo",
        () if file_type.is_char_device() || file_type.is_block_device() => "a device",
        () if file_type.is_socket() => "a socket",
        () => "something else",
    };
    Err(
        Error::new(Code::ObjectNotAFile, "the object is not a regular file")
            .because(format!("it is {kind}"))
            .fix(
                "pass an object file, such as one that `cargo ebpf build` has written to \
                 target/ebpf/",
            ),
    )
}
