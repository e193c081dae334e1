//! What the guests of a run have in common: the machine, and what it boots.

use std::{collections::BTreeMap, process::ChildStdout, time::Duration};

use ebpf_build::{Error, Result, progress::Silent};
use ebpf_kernels::{
    Architecture, Image, KernelTarget,
    guest::{Accelerator, Executable, Initramfs, Machine, fastest_accelerator},
};

use super::Settings;
use crate::{
    agent::{self, Ended, Limits, Request},
    code::Code,
    host::process::Spawner,
    kernels::{self, guest_agent},
};

/// What guests need, by their architecture.
pub(super) struct Guests(BTreeMap<Architecture, Prepared>);

/// What all guests of one architecture have in common.
pub(super) struct Prepared {
    pub(super) machine: Machine,
    /// With this program as the agent, and without a request.
    pub(super) initramfs: Initramfs,
}

impl Guests {
    /// What guests need to boot those of `kernels` that are to be booted.
    ///
    /// # Errors
    /// When qemu is missing, this program cannot be read, or after Ctrl-C.
    pub(super) fn prepare(
        kernels: &[KernelTarget],
        settings: &Settings,
        spawner: &Spawner,
    ) -> Result<Self> {
        let mut guests = BTreeMap::new();
        for kernel in kernels {
            if let KernelTarget::Image(image) = kernel
                && !guests.contains_key(&image.architecture)
            {
                let prepared = Prepared::for_kernels_like(image, settings, spawner)?;
                guests.insert(image.architecture, prepared);
            }
        }
        Ok(Self(guests))
    }

    /// What a guest with `kernel` needs; none for the host's.
    pub(super) fn of(&self, kernel: &KernelTarget) -> Option<&Prepared> {
        match kernel {
            KernelTarget::Host => None,
            KernelTarget::Image(image) => self.0.get(&image.architecture),
        }
    }

    /// All of them.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut Prepared> {
        self.0.values_mut()
    }

    /// What runs the instructions of `kernel`; none for the host's.
    pub(super) fn accelerator(&self, kernel: &KernelTarget) -> Option<Accelerator> {
        Some(self.of(kernel)?.machine.accelerator)
    }
}

impl Prepared {
    fn for_kernels_like(image: &Image, settings: &Settings, spawner: &Spawner) -> Result<Self> {
        let architecture = image.architecture;
        let agent = guest_agent::executable(architecture, spawner, &Silent)?;
        let program = Executable::read(&agent, spawner)?;
        if program.architecture != Some(architecture) {
            return Err(Error::new(
                Code::AgentUnfit,
                format!("{} is not for {architecture}", agent.display()),
            )
            .because(format!("guests with {architecture} run it"))
            .fix(format!(
                "set {} to the path of a cargo-ebpf for {architecture}, or unset it to have one \
                 built",
                guest_agent::variable(architecture)
            )));
        }
        let initramfs = Initramfs::new(&program, &agent::GUEST_ARGUMENTS)?;
        let mut probe = initramfs.clone();
        probe.add_request(&Request::default().bytes())?;
        let proof = kernels::kvm_proof();
        let accelerator = fastest_accelerator(
            architecture,
            &image.path,
            &probe,
            proof.as_deref(),
            spawner,
            replies,
        )?;
        let mut machine = Machine::new(architecture, accelerator);
        machine.memory = settings.memory;
        Ok(Self { machine, initramfs })
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
