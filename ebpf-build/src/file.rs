//! Names for files and their content, and writing them.

use std::{fs, path::Path, time::UNIX_EPOCH};

pub use ebpf_base::write_atomically;

use crate::{Error, Result};

/// A short text that changes when the file is replaced or rewritten: its real
/// path, size and time of change. Reading a 200 MB library to name it is too slow.
///
/// # Errors
/// When the file cannot be looked at.
pub fn identity(path: &Path) -> Result<String> {
    let failed = |cause: &std::io::Error| Error::io("read", path, cause);
    let path = fs::canonicalize(path).map_err(|cause| failed(&cause))?;
    let metadata = fs::metadata(&path).map_err(|cause| failed(&cause))?;
    let changed = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    Ok(format!(
        "{}|{}|{}",
        path.display(),
        metadata.len(),
        changed.as_nanos()
    ))
}

/// A short name for a text, the same in every build of this crate: cargo-ebpf and a
/// build script, made by different compilers, must find each other's cache entries,
/// and std's hasher promises nothing across compilers. FNV-1a, 64 bits.
pub fn short_hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_fnv_1a() {
        // From the reference test vectors of FNV.
        assert_eq!(short_hash(""), "cbf29ce484222325");
        assert_eq!(short_hash("foobar"), "85944171f73967e8");
    }

    #[test]
    fn identity_follows_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"one").unwrap();
        let before = identity(&path).unwrap();
        write_atomically(&path, b"more").unwrap();
        assert_ne!(before, identity(&path).unwrap());
    }
}
