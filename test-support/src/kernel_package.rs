//! Kernel images and Debian packages for tests.

use std::io::Write as _;

use lzma_rust2::{XzOptions, XzWriter};

/// The beginning of a boot image of this release.
pub fn boot_image(release: &str) -> Vec<u8> {
    let mut image = vec![0; 0x300];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    image.extend_from_slice(format!("{release} (someone) #1 SMP\0").as_bytes());
    image
}

/// The beginning and the banner of a Linux/arm64 boot image of this release.
pub fn arm64_image(release: &str) -> Vec<u8> {
    let mut image = vec![0; 0x40];
    image[0x10..0x18].copy_from_slice(&0x1000_u64.to_le_bytes());
    image[0x38..0x3c].copy_from_slice(b"ARM\x64");
    image.extend_from_slice(b"Linux version %s (%s)\0");
    image.extend_from_slice(format!("Linux version {release} (someone) #1 SMP\n\0").as_bytes());
    image
}

/// A Debian package with these files.
pub fn package(files: &[(&str, &[u8])]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", &xz(&tar(&[]))),
        ("data.tar.xz", &xz(&tar(files))),
    ])
}

/// An ar archive with these members.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            100_644,
            content.len()
        );
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        if content.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

/// A tar archive with these files. Names are written as they are, also those that the crate tar
/// would reject.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// `content`, compressed.
pub fn xz(content: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::default()).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}
