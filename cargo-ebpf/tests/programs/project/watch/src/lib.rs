//! Has the object of `watch-ebpf`.

/// The object.
pub const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/watch"));

#[cfg(test)]
mod tests {
    #[test]
    fn needs_no_kernel() {
        assert!(super::OBJECT.starts_with(b"\x7fELF"));
    }
}
