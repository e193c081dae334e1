//! The virtual machine of each architecture: all in which they differ.

use super::Accelerator;
use crate::Architecture;

/// How qemu and the guest's kernel are started on one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Platform {
    /// The program.
    pub(super) qemu: &'static str,
    /// Arguments of qemu before all others.
    pub(super) machine: &'static [&'static str],
    /// The value of qemu's `-cpu` with KVM.
    native: &'static str,
    /// The value of qemu's `-cpu` when instructions are emulated.
    emulated: &'static str,
    /// Arguments of qemu for the serial port that carries the reply: the character device
    /// `reply`. In the guest, it is ttyS0 on each of them.
    pub(super) reply: &'static [&'static str],
    /// The serial port of the console, in the guest.
    pub(super) console: &'static str,
    /// Parameters of the kernel that only this architecture has. It would pass unknown ones on
    /// to the first process.
    pub(super) parameters: &'static [&'static str],
}

impl Platform {
    /// That of `architecture`.
    pub(super) const fn of(architecture: Architecture) -> &'static Self {
        match architecture {
            Architecture::X86_64 => &Self {
                qemu: "qemu-system-x86_64",
                machine: &[],
                native: "max",
                // Emulated, exchanging 16 bytes at once goes wrong now and then: of 15 boots
                // of 6.12 three panicked in the slab allocator, of 15 without it none.
                emulated: "max,-cx16",
                reply: &["-serial", "chardev:reply"],
                console: "ttyS1",
                // On a busy machine timers come so late that kernels take them for broken.
                parameters: &["no_timer_check"],
            },
            Architecture::Arm64 => &Self {
                qemu: "qemu-system-aarch64",
                machine: &["-machine", "virt"],
                native: "host",
                // `max` has pointer authentication, which takes most of the time of a boot when it
                // is emulated: 10 s instead of 2.
                emulated: "cortex-a76",
                // There is one serial port on the board, which has to print from the first moment.
                reply: &["-device", "pci-serial,chardev=reply"],
                console: "ttyAMA0",
                parameters: &[],
            },
        }
    }

    /// The value of qemu's `-cpu`.
    pub(super) const fn processor(&self, accelerator: Accelerator) -> &'static str {
        match accelerator {
            Accelerator::Kvm => self.native,
            Accelerator::Tcg => self.emulated,
        }
    }
}
