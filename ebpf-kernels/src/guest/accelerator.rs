//! What runs a guest's instructions, as qemu names it.

use serde::{Deserialize, Serialize};

/// What runs a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerator {
    /// The processor, through /dev/kvm.
    Kvm,
    /// qemu's CPU emulation, which works everywhere.
    Tcg,
}

impl Accelerator {
    /// The value of qemu's `-accel`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}
