//! Whether guests run on the processor itself or are emulated.
//!
//! /dev/kvm may exist and not work: in a virtual machine whose own host does not nest
//! them, a guest dies at once or hangs. Only one that replied proves it.

use std::{
    fs::{self, File},
    path::Path,
    process::ChildStdout,
};

use ebpf_base::{Result, write_atomically};
use serde::{Deserialize, Serialize};

use super::{Accelerator, Initramfs, Machine, machine};
use crate::{Architecture, process::Spawn};

/// The device that KVM needs.
const KVM: &str = "/dev/kvm";

/// The result of an earlier attempt.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    /// Which boot of which host, and which qemu: with any other it proves nothing.
    of: String,
    accelerator: Accelerator,
}

/// The fastest accelerator that works on this host: KVM if a guest with `kernel` and
/// `initramfs` replies with it, qemu's emulation otherwise. Guests of another `architecture`
/// than this machine's are always emulated.
///
/// `replies` gets the guest's serial port, and returns whether the first process has replied
/// on it. A guest may hang, so `replies` has to give up after some seconds.
///
/// The result is stored in the file `proof`, if there is one, and used until the host boots
/// again or another qemu is installed.
///
/// # Errors
/// When qemu is missing, there is no space for its files, or `replies` fails.
pub fn fastest_accelerator(
    architecture: Architecture,
    kernel: &Path,
    initramfs: &Initramfs,
    proof: Option<&Path>,
    spawn: &dyn Spawn,
    replies: impl FnOnce(ChildStdout) -> Result<bool>,
) -> Result<Accelerator> {
    if Architecture::HOST != Some(architecture)
        || File::options().read(true).write(true).open(KVM).is_err()
    {
        return Ok(Accelerator::Tcg);
    }
    let of = circumstances(architecture)?;
    let known = proof
        .and_then(|path| fs::read(path).ok())
        .and_then(|bytes| serde_json::from_slice::<Proof>(&bytes).ok())
        .filter(|proof| proof.of == of);
    if let Some(known) = known {
        return Ok(known.accelerator);
    }
    let machine = Machine::new(architecture, Accelerator::Kvm);
    let mut guest = machine.boot(kernel, initramfs.clone(), spawn)?;
    let works = guest.program.output().map_or(Ok(false), replies)?;
    let accelerator = if works {
        Accelerator::Kvm
    } else {
        Accelerator::Tcg
    };
    // Without the file, as for a user without a home, it is tried each time.
    if let (Some(path), Ok(text)) = (proof, serde_json::to_vec(&Proof { of, accelerator })) {
        let _ = write_atomically(path, &text);
    }
    Ok(accelerator)
}

/// This boot of the host, and its qemu.
fn circumstances(architecture: Architecture) -> Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let qemu = machine::find_qemu(architecture)?;
    let changed = fs::metadata(&qemu)
        .and_then(|metadata| metadata.modified())
        .ok();
    Ok(format!("{} {} {changed:?}", boot.trim(), qemu.display()))
}
