//! Whether objects can be tried on other kernels. A build does without.

use ebpf_base::find_program;
use ebpf_base::untrusted;
use ebpf_build::Finding;

use crate::{host::process::Spawner, setup::packages::QEMU};

/// The check of this group.
pub(super) fn check(spawner: &Spawner) -> Finding {
    let Some(path) = find_program(QEMU) else {
        return unfit(
            format!("there is no {QEMU} on PATH"),
            "verify --kernel needs it to boot other kernels",
        );
    };
    let path = path.display();
    match spawner.program(QEMU).arg("--version").stdout() {
        Ok(said) => {
            let version = said.lines().next().unwrap_or_default();
            Finding::fine("qemu", format!("{}: {path}", untrusted::name(version)))
        }
        Err(error) => unfit(format!("{path} does not run"), &error.to_string()),
    }
}

fn unfit(message: String, cause: &str) -> Finding {
    Finding::warning("qemu-missing", message)
        .because(untrusted::lines(cause))
        .fix("cargo ebpf setup --vm")
}
