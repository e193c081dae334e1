//! The header of a Linux/x86 boot image.
//!
//! Source: Linux's Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".

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
/// Whether `head` is the beginning of such an image.
pub(super) fn is_one(head: &[u8]) -> bool {
    head.get(SIGNATURE..SIGNATURE + 4) == Some(b"HdrS")
}

/// What is wrong with an image of `length` bytes that begins with `head`.
pub(super) fn flaw(head: &[u8], length: u64) -> Option<&'static str> {
    if word(head, PROTOCOL).is_none_or(|version| version < OLDEST_PROTOCOL) {
        return Some("its boot protocol is older than 2.06 (Linux 2.6.22)");
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

/// The release in the header, the first word of "6.1.0-49-cloud-amd64 (builder) #1 SMP ..."; none
/// if there is none.
pub(super) fn release(head: &[u8]) -> Option<String> {
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

/// Makes the header one without a version.
#[cfg(test)]
pub(super) fn forget_version(image: &mut [u8]) {
    image[VERSION_POINTER..VERSION_POINTER + 2].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::kernel_package::boot_image;

    #[test]
    fn an_image_has_its_release_in_the_header() {
        let mut image = boot_image("6.1.0-49-cloud-amd64");
        assert!(is_one(&image));
        assert_eq!(flaw(&image, image.len() as u64), None);
        assert_eq!(release(&image).as_deref(), Some("6.1.0-49-cloud-amd64"));
        forget_version(&mut image);
        assert_eq!(release(&image), None);
        // One that points beyond the end.
        image[VERSION_POINTER + 1] = 0xff;
        assert_eq!(release(&image), None);
    }

    #[test]
    fn flaws_are_found() {
        let mut old = boot_image("2.4.37");
        old[PROTOCOL] = 0x03;
        let cut = &boot_image("6.1")[..SIGNATURE + 4];
        let mut short = boot_image("6.1");
        short[CODE_LENGTH + 1] = 1;
        for (bytes, why) in [(&old[..], "2.06"), (cut, "2.06"), (&short, "truncated")] {
            let flaw = flaw(bytes, bytes.len() as u64).unwrap();
            assert!(flaw.contains(why), "{flaw}");
        }
    }
}
