//! The virtual machine: qemu's command line, and its process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ebpf_base::{Error, Finding, Result, find_program, temporary::TemporaryDirectory};

use super::{Accelerator, Console, Initramfs};
use crate::{
    code::Code,
    process::{RunningProgram, Spawn},
};

/// The qemu for this kind of machine.
pub const QEMU: &str = "qemu-system-x86_64";

/// A virtual machine with one processor and two serial ports.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Machine {
    /// What runs its instructions.
    pub accelerator: Accelerator,
    /// Its memory, in MiB.
    pub memory: u32,
}

/// A guest that is running. It ends when this is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Guest {
    /// qemu. Its stdout is the serial port with the reply of the first process; firmware and
    /// kernel may print on it before.
    pub program: RunningProgram,
    /// What its kernel prints.
    pub console: Console,
}

impl Machine {
    /// One with 512 MiB of memory.
    pub fn new(accelerator: Accelerator) -> Self {
        Self {
            accelerator,
            memory: 512,
        }
    }

    /// Boots `kernel` with `initramfs`.
    ///
    /// # Errors
    /// When qemu is missing or cannot be started, or there is no space for its files.
    pub fn boot(&self, kernel: &Path, initramfs: Initramfs, spawn: &dyn Spawn) -> Result<Guest> {
        let qemu = find_qemu()?;
        let directory = TemporaryDirectory::new()?;
        let append = initramfs.kernel_command_line();
        let archive = directory.path().join("initramfs");
        fs::write(&archive, initramfs.archive()?)
            .map_err(|cause| Error::io("write", &archive, &cause))?;
        let console = Console { directory };
        let mut command = Command::new(qemu);
        command
            // Nothing that is not named here, and none of the user's settings.
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-accel", self.accelerator.name()])
            .args(["-cpu", self.accelerator.processor()])
            .args(["-smp", "1", "-m", &self.memory.to_string()])
            .arg("-no-reboot")
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(&archive)
            .args(["-append", &append])
            .args(["-chardev", "stdio,id=reply,signal=off"])
            .args(["-serial", "chardev:reply"])
            .arg("-serial")
            .arg(format!("file:{}", console.path().display()));
        let program = spawn.start(command)?;
        Ok(Guest { program, console })
    }
}

/// The qemu on PATH.
///
/// # Errors
/// When there is none.
pub fn find_qemu() -> Result<PathBuf> {
    find_program(QEMU).ok_or_else(|| {
        missing_qemu(
            format!("there is no {QEMU} on PATH"),
            "it runs kernels other than the host's",
        )
        .into()
    })
}

/// The finding that there is no qemu, or none that works.
pub fn missing_qemu(message: String, cause: &str) -> Finding {
    Finding::error(Code::QemuMissing, message)
        .because(cause)
        .fix("cargo ebpf setup --vm")
}
