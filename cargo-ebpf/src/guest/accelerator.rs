//! What runs a guest's instructions, as qemu names it.

use serde::{Deserialize, Serialize};

/// What runs a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Accelerator {
    /// The processor, by /dev/kvm.
    Kvm,
    /// qemu's translator, which needs nothing of the machine.
    Tcg,
}

impl Accelerator {
    /// As qemu's `-accel` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// The processor, as qemu's `-cpu` calls it.
    pub(super) fn processor(self) -> &'static str {
        match self {
            Self::Kvm => "max",
            // Translated, exchanging 16 bytes at once goes wrong now and then: of 15 boots
            // of 6.12 three panicked in the slab allocator, of 15 without it none.
            Self::Tcg => "max,-cx16",
        }
    }
}
