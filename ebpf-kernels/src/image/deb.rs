//! Extracts one file of a Debian package: an ar archive that contains a compressed tar archive,
//! see deb(5). Nothing in the package determines where a file is written.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use ebpf_base::{Error, Result};
use lzma_rust2::XzReader;
use object::read::{ReadCache, archive::ArchiveFile};

use crate::code::Code;

/// Begins the name of the member with the files.
const DATA: &[u8] = b"data.tar";
/// The only compression that Debian's archive uses.
const XZ: &[u8] = b"data.tar.xz";
/// The most that is unpacked, in bytes: a cloud kernel with its modules has 150 MB.
const LARGEST_PACKAGE: u64 = 4 << 30;
/// The largest file, in bytes: images have 10 MB.
const LARGEST_FILE: u64 = 256 << 20;
/// The memory for unpacking, in KiB: `xz -9`, the most that packages use, needs 65 MiB.
const MEMORY: u32 = 128 << 10;

/// Writes the file of `package` that is at one of `places` to `to`.
///
/// # Errors
/// When the package is damaged or not a package, has no such file, or `to` cannot be written;
/// `to` does not exist then.
pub(super) fn extract(package: &Path, places: &[String], to: &Path) -> Result<()> {
    let file = File::open(package).map_err(|cause| Error::io("read", package, &cause))?;
    let content = find(package, file, places)?;
    // A full disk does not mean a damaged package.
    fs::write(to, content).map_err(|cause| {
        let _ = fs::remove_file(to);
        Error::io("write", to, &cause)
    })
}

/// The file of `package` that is at one of `places`. `name` is the package's, for errors.
///
/// # Errors
/// When the package is damaged or not a package, or has no such file.
pub fn find(name: &Path, package: impl Read + Seek, places: &[String]) -> Result<Vec<u8>> {
    let tar = XzReader::new_mem_limit(data(name, package)?, true, MEMORY).take(LARGEST_PACKAGE);
    let damaged = |cause: &io::Error| broken(name, &cause.to_string());
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().map_err(|cause| damaged(&cause))? {
        let mut entry = entry.map_err(|cause| damaged(&cause))?;
        let path = entry.path_bytes();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        let Some(place) = places.iter().find(|place| place.as_bytes() == path) else {
            continue;
        };
        if !entry.header().entry_type().is_file() || entry.size() > LARGEST_FILE {
            return Err(broken(
                name,
                &format!(
                    "{place} in the package is not a regular file, or is larger than {} MiB",
                    LARGEST_FILE >> 20
                ),
            ));
        }
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|cause| damaged(&cause))?;
        return Ok(content);
    }
    let places = places.join(" or ");
    Err(broken(name, &format!("it does not contain {places}")))
}

/// The compressed tar archive.
fn data<F: Read + Seek>(package: &Path, mut file: F) -> Result<impl Read + use<F>> {
    let (start, length) = {
        let cache = ReadCache::new(&mut file);
        let damaged = |cause: object::Error| broken(package, &cause.to_string());
        let archive = ArchiveFile::parse(&cache).map_err(damaged)?;
        let mut range = None;
        for member in archive.members() {
            let member = member.map_err(damaged)?;
            if member.name() == XZ {
                range = Some(member.file_range());
                break;
            }
            if member.name().starts_with(DATA) {
                let name = String::from_utf8_lossy(member.name());
                return Err(broken(package, &format!("{name} is not compressed by xz")));
            }
        }
        range.ok_or_else(|| broken(package, "it does not contain data.tar.xz"))?
    };
    file.seek(SeekFrom::Start(start))
        .map_err(|cause| Error::io("read", package, &cause))?;
    Ok(BufReader::new(file).take(length))
}

fn broken(package: &Path, why: &str) -> Error {
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    Error::new(
        Code::KernelPackageBroken,
        format!(
            "the package {} cannot be used",
            ebpf_base::untrusted::name(&name)
        ),
    )
    .because(ebpf_base::untrusted::line(why))
    .fix("cargo ebpf kernels --fetch all, or choose another kernel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::kernel_package::{ar, package, tar, xz};

    const MEMBER: &str = "boot/vmlinuz-6.1";

    fn try_to_extract(bytes: &[u8]) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let (deb, to) = (folder.path().join("x.deb"), folder.path().join("vmlinuz"));
        fs::write(&deb, bytes).unwrap();
        let result = extract(&deb, &[MEMBER.to_owned()], &to);
        // Whatever the package contains: only the one file is written.
        let there = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(there, if result.is_ok() { 2 } else { 1 });
        result.map(|()| fs::read(&to).unwrap())
    }

    fn rejected(bytes: &[u8]) -> String {
        let error = try_to_extract(bytes).unwrap_err();
        assert_eq!(error.code(), "kernel-package-broken");
        error.finding().cause.clone().unwrap()
    }

    #[test]
    fn the_one_file_is_taken() {
        let bytes = package(&[
            ("./boot/config-6.1", b"y"),
            ("./boot/vmlinuz-6.1", b"kernel"),
        ]);
        assert_eq!(try_to_extract(&bytes).unwrap(), b"kernel");
    }

    #[test]
    fn no_path_of_the_package_is_followed() {
        for name in [
            "../vmlinuz",
            "/tmp/vmlinuz",
            "./boot/../../vmlinuz-6.1",
            "boot/vmlinuz-6.1/",
        ] {
            let bytes = package(&[(name, b"kernel")]);
            assert!(
                rejected(&bytes).contains("does not contain boot/vmlinuz-6.1"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_link_is_no_kernel() {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(::tar::EntryType::Symlink);
        header.set_size(0);
        let mut builder = ::tar::Builder::new(Vec::new());
        builder
            .append_link(&mut header, MEMBER, "/etc/passwd")
            .unwrap();
        let data = xz(&builder.into_inner().unwrap());
        assert!(rejected(&ar(&[("data.tar.xz", &data)])).contains("not a regular file"));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = package(&[("./boot/vmlinuz-6.1", &[7; 3000])]);
        let needed = whole.len() - 100;
        for length in (0..needed).step_by(7) {
            let _ = rejected(&whole[..length]);
        }
    }

    #[test]
    fn every_flipped_byte_is_an_error_or_harmless() {
        let whole = package(&[("./boot/vmlinuz-6.1", &[7; 3000])]);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            if let Ok(content) = try_to_extract(&bytes) {
                assert_eq!(content, [7; 3000], "byte {at}");
            }
        }
    }

    #[test]
    fn other_compressions_are_named() {
        let data = tar(&[(MEMBER, b"kernel")]);
        assert!(
            rejected(&ar(&[("data.tar.zst", &data)]))
                .contains("data.tar.zst is not compressed by xz")
        );
        // One with the name of another format.
        let _ = rejected(&ar(&[("data.tar.xz", &data)]));
        assert!(rejected(&ar(&[("control.tar.xz", &data)])).contains("not contain data.tar.xz"));
    }
}
