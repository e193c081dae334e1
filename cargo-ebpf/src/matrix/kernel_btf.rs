//! The BTF of many kernels.

use ebpf_build::{Finding, Result};
use ebpf_kernels::KernelTarget;

use super::{
    Settings,
    guests::Guests,
    kernel_run::{KernelRun, Task},
    side_by_side,
};
use crate::{
    agent::{Answer, Request},
    host::process::Spawner,
    verdict,
};

/// What a kernel has.
#[derive(Debug, Default)]
pub(crate) struct BtfReply {
    /// Its release; none if it did not come up.
    pub release: Option<String>,
    /// Its BTF; none if it has none.
    pub btf: Option<Vec<u8>>,
    /// What went wrong with the kernel itself.
    pub findings: Vec<Finding>,
}

/// Reads the BTF of every kernel. In the order of `kernels`.
///
/// # Errors
/// When the asking itself fails: qemu is missing, a disk is full, Ctrl-C.
pub(crate) fn read(kernels: &[KernelTarget], spawner: &Spawner) -> Result<Vec<BtfReply>> {
    let settings = Settings::default();
    let guests = Guests::prepare(kernels, &settings, spawner)?;
    side_by_side(kernels, &|kernel| {
        let run = KernelRun {
            kernel,
            settings: &settings,
            guests: &guests,
            spawner,
        };
        let mut reading = Reading::default();
        let record = run.run(&mut reading)?;
        Ok(BtfReply {
            release: record.release,
            btf: reading.btf,
            findings: record.findings,
        })
    })
}

/// The BTF of one kernel, once it is there.
#[derive(Debug, Default)]
struct Reading {
    btf: Option<Vec<u8>>,
}

impl Task for Reading {
    // No answer begins a step, so that none is too slow.
    const SLOW: fn(String) -> Finding = |message| Finding::error(verdict::SLOW, message);
    const NOUN: &'static str = "attempts to read BTF";
    const REST: &'static str = "its BTF was not read";

    fn request(&self) -> Request {
        Request {
            btf: self.btf.is_none(),
            ..Request::default()
        }
    }

    fn receive(&mut self, answer: Answer) {
        if let Answer::Btf(btf) = answer {
            self.btf = Some(btf);
        }
    }

    fn doing(&self) -> Option<String> {
        None
    }

    fn fail(&mut self, finding: Finding) -> Option<Finding> {
        Some(finding)
    }
}
