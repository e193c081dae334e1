//! A kernel of another version, booted for one question: qemu without an accelerator
//! that needs rights, an archive that holds this program and nothing of a distribution,
//! and two serial lines. One carries the answer, the other the kernel's console.

mod accelerator;
mod console;
pub(crate) mod init;
mod initramfs;
mod kvm;
mod libraries;
mod machine;

pub(crate) use accelerator::Accelerator;
pub(crate) use console::{Breakdown, Console};
pub(crate) use initramfs::Initramfs;
pub(crate) use kvm::fastest_accelerator;
pub(crate) use libraries::Executable;
pub(crate) use machine::{Machine, missing as missing_qemu};
