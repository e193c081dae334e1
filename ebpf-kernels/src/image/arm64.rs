//! The header of a Linux/arm64 boot image.
//!
//! Source: Linux's Documentation/arch/arm64/booting.rst, "Call the kernel image". The header
//! has no release: it is in the banner that the kernel prints, as an image is not compressed.

use std::io::{self, Read};

/// Offset of the length of the kernel in memory, 64 bits, in bytes.
const MEMORY_LENGTH: usize = 0x10;
/// Offset of the signature.
const SIGNATURE: usize = 0x38;

/// What the banner begins with.
const BANNER: &[u8] = b"Linux version ";
/// The longest `uname -r` is of 64 bytes.
const MAX_RELEASE: usize = 64;

/// Whether `head` is the beginning of such an image.
pub(super) fn is_one(head: &[u8]) -> bool {
    head.get(SIGNATURE..SIGNATURE + 4) == Some(b"ARM\x64")
}

/// What is wrong with an image of `length` bytes that begins with `head`.
pub(super) fn flaw(head: &[u8], length: u64) -> Option<&'static str> {
    let memory = head
        .get(MEMORY_LENGTH..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // Since Linux 3.17. An image does not contain debug information, so its length is at most this.
    if memory == 0 {
        return Some("its header is in the format before Linux 3.17");
    }
    (length > memory).then_some("it is larger than its header specifies")
}

/// The release in the banner; none if there is none.
pub(super) fn release(mut image: impl Read) -> io::Result<Option<String>> {
    const CHUNK: usize = 1 << 20;
    /// What may be needed again when the next chunk is there.
    const KEPT: usize = BANNER.len() + MAX_RELEASE;
    let mut window = Vec::with_capacity(CHUNK + KEPT);
    loop {
        let before = window.len();
        image.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
        if let Some(release) = release_in(&window) {
            return Ok(Some(release));
        }
        if window.len() == before {
            return Ok(None);
        }
        window.drain(..window.len().saturating_sub(KEPT));
    }
}

/// The release in a banner within `bytes`, if all of it is there. The format of the banner is
/// there, too: "Linux version %s (".
pub(super) fn release_in(mut bytes: &[u8]) -> Option<String> {
    while let Some(at) = bytes.iter().position(|byte| *byte == BANNER[0]) {
        let rest = bytes.get(at..)?;
        if let Some(text) = rest.strip_prefix(BANNER) {
            let text = text.get(..text.len().min(MAX_RELEASE))?;
            let word = text.split(|byte| *byte == b' ').next()?;
            if word.len() < text.len()
                && word.first().is_some_and(u8::is_ascii_digit)
                && word.iter().all(u8::is_ascii_graphic)
            {
                return Some(String::from_utf8_lossy(word).into_owned());
            }
        }
        bytes = rest.get(1..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::kernel_package::arm64_image;

    #[test]
    fn the_release_is_in_the_banner() {
        let image = arm64_image("6.1.0-57-cloud-arm64");
        assert!(is_one(&image));
        assert_eq!(flaw(&image, image.len() as u64), None);
        let found = release(image.as_slice()).unwrap();
        assert_eq!(found.as_deref(), Some("6.1.0-57-cloud-arm64"));
        // Wherever the chunks end.
        for shift in (1 << 20) - 90..(1 << 20) + 2 {
            let mut shifted = vec![b'L'; shift];
            shifted.extend_from_slice(b"Linux version %s (x)\0Linux version 6.9.1-mine (someone)");
            let found = release(shifted.as_slice()).unwrap();
            assert_eq!(found.as_deref(), Some("6.9.1-mine"), "{shift}");
        }
        assert_eq!(release(&b"Linux version 6.1"[..]).unwrap(), None);
        assert_eq!(release(&b""[..]).unwrap(), None);
    }

    #[test]
    fn other_lengths_are_flaws() {
        let image = arm64_image("6.1");
        assert!(flaw(&image, 1 << 40).unwrap().contains("larger"));
        assert!(flaw(&image[..8], 8).unwrap().contains("3.17"));
    }
}
