//! What the guests of a run have in common: the machine, and what it boots.

use std::{path::Path, process::ChildStdout, time::Duration};

use ebpf_build::Result;
use ebpf_kernels::{
    KernelTarget,
    guest::{Accelerator, Executable, Initramfs, Machine, fastest_accelerator},
};

use super::Settings;
use crate::{
    agent::{self, Ended, Limits, Request},
    host::{executable::this_program, process::Spawner},
    kernels,
};

/// What all guests have in common.
pub(super) struct Guests {
    pub(super) machine: Machine,
    /// With this program as the agent, and without a request.
    pub(super) initramfs: Initramfs,
}

impl Guests {
    /// What guests need, if any of `kernels` is to be booted.
    ///
    /// # Errors
    /// When qemu is missing, this program cannot be read, or after Ctrl-C.
    pub(super) fn prepare(
        kernels: &[KernelTarget],
        settings: &Settings,
        spawner: &Spawner,
    ) -> Result<Option<Self>> {
        let image = kernels.iter().find_map(|kernel| match kernel {
            KernelTarget::Host => None,
            KernelTarget::Image(image) => Some(image),
        });
        image
            .map(|image| Self::with(&image.path, settings, spawner))
            .transpose()
    }

    fn with(kernel: &Path, settings: &Settings, spawner: &Spawner) -> Result<Self> {
        let program = Executable::read(&this_program()?, spawner)?;
        let initramfs = Initramfs::new(&program, &agent::GUEST_ARGUMENTS)?;
        let mut probe = initramfs.clone();
        probe.add_request(&Request::default().bytes())?;
        let proof = kernels::kvm_proof();
        let accelerator = fastest_accelerator(kernel, &probe, proof.as_deref(), spawner, replies)?;
        let mut machine = Machine::new(accelerator);
        machine.memory = settings.memory;
        Ok(Self { machine, initramfs })
    }

    /// What runs the instructions of `kernel`; none for the host's.
    pub(super) fn accelerator(guests: Option<&Self>, kernel: &KernelTarget) -> Option<Accelerator> {
        match kernel {
            KernelTarget::Host => None,
            KernelTarget::Image(_) => guests.map(|guests| guests.machine.accelerator),
        }
    }
}

/// Whether a guest replies to the empty request: with KVM, one boots in 1 s where it works.
fn replies(output: ChildStdout) -> Result<bool> {
    const PROBE: Duration = Duration::from_secs(5);
    let limits = Limits {
        silence: PROBE,
        ceiling: PROBE,
        // The empty request has no steps.
        step: Duration::from_secs(1),
    };
    Ok(agent::follow(output, limits, || 0, || Duration::ZERO, |_| {})? == Ended::Done)
}
