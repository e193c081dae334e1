//! The header of a Linux/x86 boot image.
//!
//! Source: Linux's Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use ebpf_base::{Error, Result, untrusted};

use crate::code::Code;

/// Offset of the number of sectors of the real-mode code, less one; 0 stands for 4.
const SETUP_SECTORS: usize = 0x1f1;
/// Offset of the length of the protected-mode code, 32 bits, in units of 16 bytes.
const CODE_LENGTH: usize = 0x1f4;
/// Offset of the `HdrS` signature.
const SIGNATURE: usize = 0x202;
/// Offset of the boot protocol's version.
const PROTOCOL: usize = 0x206;
/// Protocol 2.06, of Linux 2.6.22: the first with everything that a loader needs.
const OLDEST_PROTOCOL: u16 = 0x0206;
/// Offset of the 16-bit pointer to the version string, which counts from 0x200.
const VERSION_POINTER: usize = 0x20e;
/// A header is in the first sectors, and so is the string.
const HEAD: u64 = 128 << 10;

/// The release in the image's header: `6.1.0-49-cloud-amd64`. The file's name, if it has
/// none.
///
/// # Errors
/// When it cannot be read, or is not a boot image.
pub(super) fn release(path: &Path) -> Result<String> {
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
        .fix("pass a bzImage for x86-64, as distributions install it: /boot/vmlinuz-VERSION")
    };
    // Opening a fifo would wait for its writer, and a device has no end.
    let metadata = fs::metadata(path).map_err(|cause| failed(&cause))?;
    if !metadata.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let file = File::open(path).map_err(|cause| failed(&cause))?;
    let mut head = Vec::new();
    file.take(HEAD)
        .read_to_end(&mut head)
        .map_err(|cause| failed(&cause))?;
    let name = path.file_name().unwrap_or_default();
    release_of(&head, metadata.len(), name).map_err(invalid)
}

/// The release of an image of `length` bytes with this beginning; `file_name` if its header
/// has none.
///
/// # Errors
/// Why it is not a boot image.
pub fn release_of(head: &[u8], length: u64, file_name: &OsStr) -> Result<String, &'static str> {
    if let Some(why) = flaw(head, length) {
        return Err(why);
    }
    let release = version(head).unwrap_or_else(|| file_name.to_string_lossy().into_owned());
    Ok(untrusted::name(&release))
}

/// Distributions' images have some 10 MiB, those with everything built in 100, in bytes.
const MAX_LENGTH: u64 = 512 << 20;

/// What is wrong with an image of `length` bytes that begins with `head`.
fn flaw(head: &[u8], length: u64) -> Option<&'static str> {
    if head.starts_with(b"\x7fELF") {
        return Some("it is an ELF file (vmlinux), not the compressed image that is made from it");
    }
    if head.get(SIGNATURE..SIGNATURE + 4) != Some(b"HdrS") {
        return Some("it does not have the header of a Linux/x86 boot image");
    }
    if word(head, PROTOCOL).is_none_or(|version| version < OLDEST_PROTOCOL) {
        return Some("its boot protocol is older than 2.06 (Linux 2.6.22)");
    }
    if length > MAX_LENGTH {
        return Some("it is larger than any kernel image");
    }
    if whole_length(head).is_some_and(|whole| length < whole) {
        return Some("it is truncated: its header specifies a larger size");
    }
    None
}

/// The length of an image according to its header, in bytes.
fn whole_length(head: &[u8]) -> Option<u64> {
    /// In bytes.
    const SECTOR: u64 = 512;
    let sectors = match *head.get(SETUP_SECTORS)? {
        0 => 4,
        sectors => u64::from(sectors),
    };
    let code = u32::from_le_bytes(*head.get(CODE_LENGTH..)?.first_chunk()?);
    (code != 0).then_some((sectors + 1) * SECTOR + u64::from(code) * 16)
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
    use test_support::kernel_package::boot_image;

    fn read(bytes: &[u8]) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, bytes).unwrap();
        release(&path)
    }

    #[test]
    fn an_image_has_its_release_in_the_header() {
        assert_eq!(
            read(&boot_image("6.1.0-49-cloud-amd64")).unwrap(),
            "6.1.0-49-cloud-amd64"
        );
    }

    #[test]
    fn a_release_cannot_control_the_terminal() {
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
        // One that points beyond the end.
        image[VERSION_POINTER + 1] = 0xff;
        assert_eq!(read(&image).unwrap(), "image");
    }

    #[test]
    fn other_files_are_rejected() {
        let mut old = boot_image("2.4.37");
        old[PROTOCOL] = 0x03;
        let cut = &boot_image("6.1")[..SIGNATURE + 4];
        let mut short = boot_image("6.1");
        short[CODE_LENGTH + 1] = 1;
        for (bytes, why) in [
            (&b""[..], "header"),
            (b"#!/bin/sh\n", "header"),
            (b"\x7fELF\x02\x01\x01", "vmlinux"),
            (&old, "2.06"),
            (cut, "2.06"),
            (&short, "truncated"),
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.code(), "kernel-image-invalid");
            assert!(error.to_string().contains(why), "{error}");
        }
        let folder = release("/".as_ref()).unwrap_err();
        assert_eq!(folder.code(), "kernel-image-invalid");
        assert_eq!(
            release("/no/such".as_ref()).unwrap_err().code(),
            "not-found"
        );
    }
}
