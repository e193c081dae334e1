//! The eBPF object in this executable.

use crate::error::{Error, Result};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/lock"));

/// What stands in for the object where `lock` was built without an eBPF toolchain. A
/// sentence with the reason and the fix follows.
const STUB: &[u8] = b"ebpf-build stub: ";

/// The object.
///
/// # Errors
///
/// `object-stub` where there is none.
pub(crate) fn embedded() -> Result<&'static [u8]> {
    unless_stub(OBJECT)
}

fn unless_stub(object: &[u8]) -> Result<&[u8]> {
    match object.strip_prefix(STUB) {
        None => Ok(object),
        Some(sentence) => Err(Error::new(
            "object-stub",
            "this lock was built without its eBPF programs",
        )
        .because(String::from_utf8_lossy(sentence).trim())
        .fix("run `cargo xtask build`, then build lock again")),
    }
}

#[cfg(test)]
mod tests {
    use super::unless_stub;

    #[test]
    fn a_stub_is_recognised_and_its_sentence_told() {
        let error = unless_stub(b"ebpf-build stub: no bpf-linker; run `cargo xtask setup`\n")
            .expect_err("a stub");
        assert_eq!(error.code(), "object-stub");
        assert!(format!("{error:?}").contains("no bpf-linker; run `cargo xtask setup`\""));
        unless_stub(b"\x7fELF").expect("an object");
    }
}
