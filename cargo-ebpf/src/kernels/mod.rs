//! The cache of kernel images, and what is known about this machine's guests.

pub(crate) mod guest_agent;

use std::path::PathBuf;

use ebpf_build::{Result, linker, progress::Progress};
use ebpf_kernels::{KernelSpec, KernelTarget, Kernels, guest::find_qemu};

use crate::host::process::Spawner;

/// The directory of the images. It may not exist.
///
/// # Errors
/// When no cache directory is known.
pub(crate) fn directory() -> Result<PathBuf> {
    Ok(linker::cache_dir()?.join("kernels"))
}

/// The kernels in the cache and in the archive.
///
/// # Errors
/// When no cache directory is known.
pub(crate) fn open<'a>(spawner: &'a Spawner, progress: &'a dyn Progress) -> Result<Kernels<'a>> {
    Ok(Kernels::new(directory()?, spawner, progress))
}

/// The kernels that were named, to run something on them. They are downloaded if necessary, but
/// not where nothing can boot them; for those of another architecture, this program is built for
/// it if necessary.
///
/// # Errors
/// When one is unavailable, qemu is missing, or this program cannot be built.
pub(crate) fn to_run_on(
    named: &[KernelSpec],
    spawner: &Spawner,
    progress: &dyn Progress,
) -> Result<Vec<KernelTarget>> {
    for architecture in named.iter().filter_map(KernelSpec::architecture) {
        find_qemu(architecture)?;
    }
    let targets = open(spawner, progress)?.resolve(named)?;
    for target in &targets {
        if let KernelTarget::Image(image) = target {
            find_qemu(image.architecture)?;
            guest_agent::executable(image.architecture, spawner, progress)?;
        }
    }
    Ok(targets)
}

/// The file that records whether guests run with KVM; none for a user without a home.
pub(crate) fn kvm_proof() -> Option<PathBuf> {
    Some(linker::cache_dir().ok()?.join("kvm.json"))
}
