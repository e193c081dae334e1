//! The architecture and the release of a file to boot, from its content.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _, Seek as _},
    path::Path,
};

use ebpf_base::{Error, Result, untrusted};

use super::{arm64, bzimage};
use crate::{Architecture, code::Code};

/// What is known about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The processors that it is for.
    pub(super) architecture: Architecture,
    /// Its `uname -r`; the file's name, if it has none.
    pub(super) release: String,
}

/// A header is in the first sectors, in bytes.
const HEAD: u64 = 128 << 10;

/// Distributions' images have some 10 to 30 MiB, those with everything built in 100, in bytes.
const MAX_LENGTH: u64 = 512 << 20;

/// Bytes that other files begin with, by offset, and what these files are.
const OTHERS: [(usize, &[u8], &str); 5] = [
    (
        0,
        b"\x7fELF",
        "it is an ELF file (vmlinux), not the compressed image that is made from it",
    ),
    (
        0,
        b"\x1f\x8b",
        "it is compressed by gzip: decompress it with gunzip first",
    ),
    (
        4,
        b"zimg",
        "it is a compressed EFI program: pass the Image that it contains",
    ),
    (0x30, b"RISCV\0\0\0", "it is for riscv64"),
    (0x38, b"\xcd\x23\x82\x81", "it is for loongarch64"),
];

/// The header of the image at `path`.
///
/// # Errors
/// When it cannot be read, or is not a boot image for an architecture that can be booted.
pub(super) fn read(path: &Path) -> Result<Header> {
    let failed = |cause: &io::Error| Error::io("read", path, cause);
    let invalid = |why| {
        Error::new(
            Code::KernelImageInvalid,
            format!(
                "{} is not a kernel image that can be booted here",
                path.display()
            ),
        )
        .because(why)
        .fix(
            "pass a bzImage for x86-64 or an Image for arm64, as distributions install them: \
             /boot/vmlinuz-VERSION",
        )
    };
    // Opening a fifo would wait for its writer, and a device has no end.
    let metadata = fs::metadata(path).map_err(|cause| failed(&cause))?;
    if !metadata.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let mut file = File::open(path).map_err(|cause| failed(&cause))?;
    let mut head = Vec::new();
    (&file)
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|cause| failed(&cause))?;
    let architecture = architecture(&head, metadata.len()).map_err(invalid)?;
    let release = match architecture {
        Architecture::X86_64 => bzimage::release(&head),
        Architecture::Arm64 => file
            .rewind()
            .and_then(|()| arm64::release(file.take(MAX_LENGTH)))
            .map_err(|cause| failed(&cause))?,
    };
    let name = path.file_name().unwrap_or_default();
    Ok(Header {
        architecture,
        release: or_name(release, name),
    })
}

/// The release of an image of `length` bytes with this beginning; `file_name` if there is none
/// in it.
///
/// # Errors
/// Why it is not a boot image.
pub fn release_of(head: &[u8], length: u64, file_name: &OsStr) -> Result<String, &'static str> {
    let release = match architecture(head, length)? {
        Architecture::X86_64 => bzimage::release(head),
        Architecture::Arm64 => arm64::release_in(head),
    };
    Ok(or_name(release, file_name))
}

fn or_name(release: Option<String>, file_name: &OsStr) -> String {
    let release = release.unwrap_or_else(|| file_name.to_string_lossy().into_owned());
    untrusted::name(&release)
}

/// What an image of `length` bytes that begins with `head` is for.
fn architecture(head: &[u8], length: u64) -> Result<Architecture, &'static str> {
    let (architecture, flaw) = if bzimage::is_one(head) {
        (Architecture::X86_64, bzimage::flaw(head, length))
    } else if arm64::is_one(head) {
        (Architecture::Arm64, arm64::flaw(head, length))
    } else {
        let is_at = |offset: usize, mark: &[u8]| {
            head.get(offset..)
                .is_some_and(|rest| rest.starts_with(mark))
        };
        let mut others = OTHERS.iter();
        return Err(others
            .find(|(offset, mark, _)| is_at(*offset, mark))
            .map_or(
                "it does not have the header of a boot image",
                |(_, _, why)| why,
            ));
    };
    match flaw {
        Some(why) => Err(why),
        None if length > MAX_LENGTH => Err("it is larger than any kernel image"),
        None => Ok(architecture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::kernel_package::{arm64_image, boot_image};

    fn read_bytes(bytes: &[u8]) -> Result<Header> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, bytes).unwrap();
        read(&path)
    }

    #[test]
    fn each_architecture_has_its_header() {
        for (image, architecture) in [
            (boot_image("6.1.0-49-mine"), Architecture::X86_64),
            (arm64_image("6.1.0-49-mine"), Architecture::Arm64),
        ] {
            let header = Header {
                architecture,
                release: "6.1.0-49-mine".to_owned(),
            };
            assert_eq!(read_bytes(&image).unwrap(), header);
            let release = release_of(&image, image.len() as u64, OsStr::new("image"));
            assert_eq!(release, Ok(header.release));
        }
    }

    #[test]
    fn a_release_cannot_control_the_terminal() {
        let header = read_bytes(&boot_image("6.1\u{1b}[31m")).unwrap();
        assert_eq!(header.release, "6.1\\u{1b}[31m");
    }

    #[test]
    fn an_image_without_a_release_has_its_files_name() {
        let mut image = arm64_image("6.1");
        image.truncate(0x40);
        assert_eq!(read_bytes(&image).unwrap().release, "image");
        let mut image = boot_image("6.1");
        bzimage::forget_version(&mut image);
        assert_eq!(read_bytes(&image).unwrap().release, "image");
    }

    #[test]
    fn other_files_are_rejected() {
        let at = |offset: usize, mark: &[u8]| {
            let mut bytes = vec![0; 0x300];
            bytes[offset..offset + mark.len()].copy_from_slice(mark);
            bytes
        };
        let mut long = arm64_image("6.1");
        long.resize(1 << 20, 0);
        for (bytes, why) in [
            (Vec::new(), "header"),
            (b"#!/bin/sh\n".to_vec(), "header"),
            (b"\x7fELF\x02\x01\x01".to_vec(), "vmlinux"),
            (at(0, b"\x1f\x8b\x08"), "gunzip"),
            (at(4, b"zimg"), "EFI"),
            (at(0x30, b"RISCV\0\0\0"), "riscv64"),
            (long, "larger"),
        ] {
            let error = read_bytes(&bytes).unwrap_err();
            assert_eq!(error.code(), "kernel-image-invalid");
            assert!(error.to_string().contains(why), "{error}");
        }
        let folder = read("/".as_ref()).unwrap_err();
        assert_eq!(folder.code(), "kernel-image-invalid");
        assert_eq!(read("/no/such".as_ref()).unwrap_err().code(), "not-found");
    }
}
