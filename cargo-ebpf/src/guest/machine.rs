//! The machine: qemu's command line, and its process.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ebpf_base::find_program;
use ebpf_build::{Error, Finding, Result};
use tempfile::TempDir;

use super::{Accelerator, Console, Initramfs, init};
use crate::{
    agent::Request,
    code::Code,
    host::process::{Conversation, Spawner},
};

/// The qemu for this kind of machine.
pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// What every guest of a run has in common.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// What runs its instructions.
    pub accelerator: Accelerator,
    /// Its memory, in MiB.
    pub memory: u32,
}

/// A guest that is running. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    /// qemu, and the line that carries the answer.
    pub conversation: Conversation,
    /// What its kernel prints.
    pub console: Console,
}

impl Machine {
    /// Boots `kernel` with `request`.
    ///
    /// # Errors
    /// When qemu is missing or cannot be started, or there is no room for its files.
    pub(crate) fn boot(
        &self,
        kernel: &Path,
        initramfs: Initramfs,
        request: &Request,
        spawner: &Spawner,
    ) -> Result<Guest> {
        let qemu = find()?;
        let folder = TempDir::with_prefix("cargo-ebpf-guest-")
            .map_err(|cause| Error::io("make a folder in", &std::env::temp_dir(), &cause))?;
        let append = command_line(&initramfs);
        let archive = folder.path().join("initramfs");
        fs::write(&archive, initramfs.with(request)?)
            .map_err(|cause| Error::io("write", &archive, &cause))?;
        let console = Console { folder };
        let conversation = spawner.program(qemu)
            // Nothing that is not named here, and nothing of the user's own settings.
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
            .args(["-chardev", "stdio,id=answer,signal=off"])
            .args(["-serial", "chardev:answer"])
            .arg("-serial")
            .arg(format!("file:{}", console.path().display()))
            .converse()?;
        Ok(Guest {
            conversation,
            console,
        })
    }
}

/// The qemu on PATH.
///
/// # Errors
/// When there is none.
pub(crate) fn find() -> Result<PathBuf> {
    find_program(QEMU).ok_or_else(|| {
        missing(
            format!("there is no {QEMU} on PATH"),
            "other kernels than this machine's run in it",
        )
        .into()
    })
}

/// There is no qemu that works.
pub(crate) fn missing(message: String, cause: &str) -> Finding {
    Finding::error(Code::QemuMissing, message)
        .because(cause)
        .fix("cargo ebpf setup --vm")
}

/// What the kernel is told. It gives the words that it does not know to the first
/// process: assignments as its environment, what follows `--` as its arguments.
fn command_line(initramfs: &Initramfs) -> String {
    format!(
        // A guest that panics ends at once, and qemu with it. On a busy machine timers come
        // so late that kernels take them for broken.
        "console=ttyS1 panic=-1 oops=panic no_timer_check LD_LIBRARY_PATH={} -- {}",
        initramfs.library_path(),
        init::ARGUMENTS.join(" ")
    )
}
