//! The header of a Linux/x86 boot image.
//!
//! Source: Linux's Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use ebpf_build::{Error, Result};

use super::{Image, store};
use crate::untrusted;

/// Offset of the `HdrS` signature.
const SIGNATURE: usize = 0x202;
/// Offset of the boot protocol's version.
const PROTOCOL: usize = 0x206;
/// Protocol 2.06, of Linux 2.6.22: since then, all that a loader needs is there.
const OLDEST_PROTOCOL: u16 = 0x0206;
/// Offset of the 16-bit pointer to the version string, which counts from 0x200.
const VERSION_POINTER: usize = 0x20e;
/// A header is in the first sectors, and so is the string.
const HEAD: u64 = 128 << 10;

/// Looks at an image that the user named.
///
/// # Errors
/// When it cannot be read, or is no such image.
pub(super) fn open(path: &Path) -> Result<Image> {
    let release = release(path)?;
    let (sha256, bytes) = store::hash(path)?;
    Ok(Image {
        label: release.clone(),
        version: release.clone(),
        release,
        // A guest is started in another folder.
        path: std::path::absolute(path).map_err(|cause| Error::io("find", path, &cause))?,
        sha256,
        bytes,
        package: None,
    })
}

/// The release that the image says it is: `6.1.0-49-cloud-amd64`. The file's name,
/// where it says none.
///
/// # Errors
/// When it cannot be read, or is no such image.
pub(super) fn release(path: &Path) -> Result<String> {
    let failed = |cause: &io::Error| Error::io("read", path, cause);
    let file = File::open(path).map_err(|cause| failed(&cause))?;
    let mut head = Vec::new();
    file.take(HEAD)
        .read_to_end(&mut head)
        .map_err(|cause| failed(&cause))?;
    release_of(&head, path.file_name().unwrap_or_default()).map_err(|why| {
        Error::new(
            "kernel-image-invalid",
            format!(
                "{} is no kernel image that can be booted here",
                path.display()
            ),
        )
        .because(why)
        .fix("give a bzImage for x86-64, as distributions install it: /boot/vmlinuz-VERSION")
    })
}

/// The release that an image with this beginning says it is; `file_name` where it says
/// none.
///
/// # Errors
/// Why it is no such image.
pub(crate) fn release_of(head: &[u8], file_name: &OsStr) -> Result<String, &'static str> {
    if let Some(why) = flaw(head) {
        return Err(why);
    }
    let release = version(head).unwrap_or_else(|| file_name.to_string_lossy().into_owned());
    Ok(untrusted::name(&release))
}

fn flaw(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\x7fELF") {
        return Some("it is an ELF file (vmlinux), not the compressed image that is made of it");
    }
    if head.get(SIGNATURE..SIGNATURE + 4) != Some(b"HdrS") {
        return Some("it has not the header of a Linux/x86 boot image");
    }
    if word(head, PROTOCOL).is_none_or(|version| version < OLDEST_PROTOCOL) {
        return Some("its boot protocol is older than 2.06 (Linux 2.6.22)");
    }
    None
}

/// The first word of "6.1.0-49-cloud-amd64 (builder) #1 SMP ...".
fn version(head: &[u8]) -> Option<String> {
    let pointer = word(head, VERSION_POINTER).filter(|pointer| *pointer != 0)?;
    let text = head.get(0x200 + usize::from(pointer)..)?;
    let end = text.iter().position(|byte| matches!(byte, 0 | b' '))?;
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn word(head: &[u8], at: usize) -> Option<u16> {
    let bytes = head.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::kernels::made_up::boot_image;

    fn read(bytes: &[u8]) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, bytes).unwrap();
        release(&path)
    }

    #[test]
    fn an_image_says_its_release() {
        assert_eq!(
            read(&boot_image("6.1.0-49-cloud-amd64")).unwrap(),
            "6.1.0-49-cloud-amd64"
        );
    }

    #[test]
    fn a_release_does_not_steer_the_terminal() {
        assert_eq!(
            read(&boot_image("6.1\u{1b}[31m")).unwrap(),
            "6.1\\u{1b}[31m"
        );
    }

    #[test]
    fn an_image_without_a_version_has_its_files_name() {
        let mut image = boot_image("6.1");
        image[VERSION_POINTER] = 0;
        image[VERSION_POINTER + 1] = 0;
        assert_eq!(read(&image).unwrap(), "image");
        // One that points behind the end.
        image[VERSION_POINTER + 1] = 0xff;
        assert_eq!(read(&image).unwrap(), "image");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let mut old = boot_image("2.4.37");
        old[PROTOCOL] = 0x03;
        let cut = &boot_image("6.1")[..SIGNATURE + 4];
        for (bytes, why) in [
            (&b""[..], "header"),
            (b"#!/bin/sh\n", "header"),
            (b"\x7fELF\x02\x01\x01", "vmlinux"),
            (&old, "2.06"),
            (cut, "2.06"),
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.code(), "kernel-image-invalid");
            assert!(error.to_string().contains(why), "{error}");
        }
        assert_eq!(
            release("/no/such".as_ref()).unwrap_err().code(),
            "not-found"
        );
    }
}
