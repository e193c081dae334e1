//! The eBPF object in this executable.

use ebpf_base::stub;

use crate::error::{Error, Result};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/lock"));

/// The object.
///
/// # Errors
///
/// `object-stub` where there is none.
pub(crate) fn embedded() -> Result<&'static [u8]> {
    unless_stub(OBJECT)
}

fn unless_stub(object: &[u8]) -> Result<&[u8]> {
    match stub::reason(object) {
        None => Ok(object),
        Some(reason) => Err(Error::new(
            "object-stub",
            "this build of lock does not contain its eBPF programs",
        )
        // It contains the fix, too.
        .because(reason.trim())),
    }
}

#[cfg(test)]
mod tests {
    use ebpf_base::stub;

    use super::unless_stub;

    #[test]
    fn a_stub_is_recognised_and_its_reason_shown() {
        let stub = stub::of("no bpf-linker; run `cargo xtask setup`\n");
        let error = unless_stub(stub.as_bytes()).expect_err("a stub");
        assert_eq!(error.code(), "object-stub");
        assert!(format!("{error:?}").contains("no bpf-linker; run `cargo xtask setup`\""));
        unless_stub(b"\x7fELF").expect("an object");
    }
}
