//! Guests: a kernel image booted in qemu with one program as its first process.
//!
//! Nothing of a distribution is needed, and no privileges: the initramfs consists of the
//! program, the libraries that it loads, and a request, which are bytes for the program. Of
//! the guest's two serial ports, one carries the program's reply, the other is the console.

mod accelerator;
mod console;
mod executable;
mod init;
mod initramfs;
mod kvm;
mod machine;
mod platform;

pub use self::{
    accelerator::Accelerator,
    console::{Breakdown, Console},
    executable::Executable,
    init::init,
    initramfs::Initramfs,
    kvm::fastest_accelerator,
    machine::{Guest, Machine, find_qemu, missing_qemu, qemu},
};
