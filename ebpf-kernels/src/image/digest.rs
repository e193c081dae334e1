//! SHA-256 of files: packages, and the images in the cache.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::Path,
};

use ebpf_base::{Error, Result};
use sha2::{Digest as _, Sha256};

/// SHA-256, in hexadecimal, and size in bytes of a file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn of_file(path: &Path) -> Result<(String, u64)> {
    let failed = |cause: &io::Error| Error::io("read", path, cause);
    let file = File::open(path).map_err(|cause| failed(&cause))?;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let mut hash = Sha256::new();
    let mut bytes = 0;
    loop {
        let chunk = file.fill_buf().map_err(|cause| failed(&cause))?;
        let length = chunk.len();
        if length == 0 {
            break;
        }
        hash.update(chunk);
        file.consume(length);
        bytes += length as u64;
    }
    let hex = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((hex, bytes))
}
