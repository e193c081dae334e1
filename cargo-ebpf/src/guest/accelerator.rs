//! Whether guests run on the processor itself or are translated.

use serde::Serialize;

/// What runs a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
}
