//! Whether objects can be tried on other kernels. A build does without.

use ebpf_base::{find_program, untrusted};
use ebpf_build::Finding;
use ebpf_kernels::{
    Architecture,
    guest::{missing_qemu, qemu},
};

use super::only_a_warning;
use crate::{code::Code, host::process::Spawner};

/// The check of this group.
pub(super) fn check(spawner: &Spawner) -> Finding {
    let qemu = qemu(Architecture::HOST.unwrap_or_default());
    let Some(path) = find_program(qemu) else {
        return unfit(
            format!("there is no {qemu} on PATH"),
            "verify --kernel needs it to boot other kernels",
        );
    };
    let path = path.display();
    match spawner.program(qemu).arg("--version").stdout() {
        Ok(said) => {
            let version = said.lines().next().unwrap_or_default();
            Finding::fine(Code::Qemu, format!("{}: {path}", untrusted::name(version)))
        }
        Err(error) => unfit(format!("{path} does not run"), &error.to_string()),
    }
}

fn unfit(message: String, cause: &str) -> Finding {
    let architecture = Architecture::HOST.unwrap_or_default();
    only_a_warning(missing_qemu(
        architecture,
        message,
        &untrusted::lines(cause),
    ))
}
