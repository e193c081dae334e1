//! What a build script embeds in place of an eBPF object where no toolchain for BPF is
//! available, so that `cargo check` and editors work there.

use std::borrow::Cow;

/// What a stub begins with. The rest is its reason.
const MARK: &str = "ebpf-build stub: ";

/// The content of a stub. `reason` is one sentence: why the object is missing, and how to build
/// it.
pub fn of(reason: &str) -> String {
    format!("{MARK}{reason}")
}

/// The reason for which `object` is a stub, or `None` if it is not one.
pub fn reason(object: &[u8]) -> Option<Cow<'_, str>> {
    object
        .strip_prefix(MARK.as_bytes())
        .map(String::from_utf8_lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable that was built with an older version contains its stub.
    #[test]
    fn stubs_keep_their_format() {
        assert_eq!(of("no linker"), "ebpf-build stub: no linker");
    }

    #[test]
    fn a_stub_is_told_from_an_object() {
        assert_eq!(reason(of("no linker").as_bytes()).unwrap(), "no linker");
        assert_eq!(reason(b"\x7fELF"), None);
        assert_eq!(reason(b""), None);
    }
}
