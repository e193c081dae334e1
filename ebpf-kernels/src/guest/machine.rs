//! The virtual machine: qemu's command line, and its process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ebpf_base::{Error, Finding, Result, find_program, temporary::TemporaryDirectory};

use super::{Accelerator, Console, Initramfs, platform::Platform};
use crate::{
    Architecture,
    code::Code,
    process::{RunningProgram, Spawn},
};

/// The name of the qemu for machines of this architecture: `qemu-system-x86_64`.
pub const fn qemu(architecture: Architecture) -> &'static str {
    Platform::of(architecture).qemu
}

/// A virtual machine with one processor and two serial ports.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Machine {
    /// That of its processor.
    pub architecture: Architecture,
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
    pub fn new(architecture: Architecture, accelerator: Accelerator) -> Self {
        Self {
            architecture,
            accelerator,
            memory: 512,
        }
    }

    /// Boots `kernel` with `initramfs`.
    ///
    /// # Errors
    /// When qemu is missing or cannot be started, or there is no space for its files.
    pub fn boot(&self, kernel: &Path, initramfs: Initramfs, spawn: &dyn Spawn) -> Result<Guest> {
        let qemu = find_qemu(self.architecture)?;
        let directory = TemporaryDirectory::new()?;
        let append = initramfs.kernel_command_line(Platform::of(self.architecture));
        let archive = directory.path().join("initramfs");
        fs::write(&archive, initramfs.archive()?)
            .map_err(|cause| Error::io("write", &archive, &cause))?;
        let console = Console { directory };
        let mut command = Command::new(qemu);
        command
            .args(self.arguments())
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(&archive)
            .args(["-append", &append])
            .arg("-serial")
            .arg(format!("file:{}", console.path().display()));
        let program = spawn.start(command)?;
        Ok(Guest { program, console })
    }

    /// The arguments of qemu that do not depend on what is booted.
    fn arguments(&self) -> Vec<String> {
        let platform = Platform::of(self.architecture);
        let memory = self.memory.to_string();
        let mut arguments = platform.machine.to_vec();
        // Nothing that is not named here, and none of the user's settings.
        arguments.extend(["-nodefaults", "-no-user-config", "-display", "none"]);
        arguments.extend(["-accel", self.accelerator.name()]);
        arguments.extend(["-cpu", platform.processor(self.accelerator)]);
        arguments.extend(["-smp", "1", "-m", &memory, "-no-reboot"]);
        arguments.extend(["-chardev", "stdio,id=reply,signal=off"]);
        arguments.extend(platform.reply);
        arguments.into_iter().map(str::to_owned).collect()
    }
}

/// The qemu for this architecture on PATH.
///
/// # Errors
/// When there is none.
pub fn find_qemu(architecture: Architecture) -> Result<PathBuf> {
    let qemu = qemu(architecture);
    find_program(qemu).ok_or_else(|| {
        let use_of_it = match Architecture::HOST {
            Some(host) if host != architecture => {
                format!("it runs kernels for {architecture}; this machine is {host}")
            }
            _ => "it runs kernels other than the host's".to_owned(),
        };
        missing_qemu(
            architecture,
            format!("there is no {qemu} on PATH"),
            &use_of_it,
        )
        .into()
    })
}

/// Reports that qemu for this architecture is missing, or does not work.
pub fn missing_qemu(architecture: Architecture, message: String, cause: &str) -> Finding {
    let setup = match Architecture::HOST {
        Some(host) if host != architecture => {
            format!("cargo ebpf setup --vm --arch {architecture}")
        }
        _ => "cargo ebpf setup --vm".to_owned(),
    };
    Finding::error(Code::QemuMissing, message)
        .because(cause)
        .fix(setup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_each_architecture() {
        let line = |architecture| {
            let machine = Machine::new(architecture, Accelerator::Tcg);
            machine.arguments().join(" ")
        };
        assert_eq!(
            line(Architecture::X86_64),
            "-nodefaults -no-user-config -display none -accel tcg -cpu max,-cx16 -smp 1 -m 512 \
             -no-reboot -chardev stdio,id=reply,signal=off -serial chardev:reply"
        );
        assert_eq!(
            line(Architecture::Arm64),
            "-machine virt -nodefaults -no-user-config -display none -accel tcg -cpu cortex-a76 \
             -smp 1 -m 512 -no-reboot -chardev stdio,id=reply,signal=off \
             -device pci-serial,chardev=reply"
        );
    }
}
