//! Whether guests run on the processor itself or are emulated.
//!
//! /dev/kvm may be there and not work: in a virtual machine whose own host does not nest
//! them, a guest dies at once or hangs. Only one that came up proves it.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use ebpf_build::{Result, file::write_atomically, linker};
use serde::{Deserialize, Serialize};

use super::{Accelerator, Initramfs, Machine, machine};
use crate::{
    agent::{self, Ended, Limits, Request},
    host::process::Spawner,
};

/// What the user of this machine may open to run guests on the processor.
const KVM: &str = "/dev/kvm";

/// How long a guest may take to come up with it: where it works, one takes 1 s.
const PROBE: Duration = Duration::from_secs(5);

/// What was found out before.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    /// Of which start of which machine, with which qemu: anything else is no proof.
    of: String,
    accelerator: Accelerator,
}

/// The fastest that has been seen to boot `kernel`, which is tried if nobody tried
/// before. What was found is kept until the machine starts anew.
///
/// # Errors
/// When qemu is missing, there is no room for its files, or after Ctrl-C.
pub(crate) fn fastest_accelerator(
    kernel: &Path,
    initramfs: &Initramfs,
    spawner: &Spawner,
) -> Result<Accelerator> {
    let opens = File::options().read(true).write(true).open(KVM).is_ok();
    if !opens {
        return Ok(Accelerator::Tcg);
    }
    // Without a cache, as for a user without a home, it is tried each time.
    let path = linker::cache_dir().map(|folder| folder.join("kvm.json"));
    let of = circumstances()?;
    let known = path
        .as_ref()
        .ok()
        .and_then(|path| fs::read(path).ok())
        .and_then(|bytes| serde_json::from_slice::<Proof>(&bytes).ok())
        .filter(|proof| proof.of == of);
    if let Some(proof) = known {
        return Ok(proof.accelerator);
    }
    let accelerator = if boots(kernel, initramfs, spawner)? {
        Accelerator::Kvm
    } else {
        Accelerator::Tcg
    };
    if let (Ok(path), Ok(text)) = (path, serde_json::to_vec(&Proof { of, accelerator })) {
        let _ = write_atomically(&path, &text);
    }
    Ok(accelerator)
}

/// This start of this machine, and the qemu on it.
fn circumstances() -> Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let qemu = machine::find()?;
    let changed = fs::metadata(&qemu)
        .and_then(|metadata| metadata.modified())
        .ok();
    Ok(format!("{} {} {changed:?}", boot.trim(), qemu.display()))
}

fn boots(kernel: &Path, initramfs: &Initramfs, spawner: &Spawner) -> Result<bool> {
    let machine = Machine {
        accelerator: Accelerator::Kvm,
        memory: 512,
    };
    let nothing = Request::default();
    let mut guest = machine.boot(kernel, initramfs.clone(), &nothing, spawner)?;
    let Some(output) = guest.conversation.output() else {
        return Ok(false);
    };
    let limits = Limits {
        silence: PROBE,
        ceiling: PROBE,
        // The empty request has no steps.
        step: Duration::from_secs(1),
    };
    Ok(agent::follow(output, limits, || 0, |_| {})? == Ended::Done)
}
