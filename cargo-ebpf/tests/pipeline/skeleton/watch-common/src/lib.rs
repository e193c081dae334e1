//! The types that the programs share with the loader.
#![cfg_attr(not(feature = "user"), no_std)]

/// Counted packets.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many there were.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

// SAFETY: every bit pattern is a valid value, without padding.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Traffic {}
