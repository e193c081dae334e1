//! The running kernel, as far as it decides whether a test can run.

use std::path::Path;

use ebpf_base::{KernelVersion, btf::VMLINUX, kernel_release};

use crate::skip;

/// Skips the test on kernels before `major.minor`.
#[track_caller]
pub fn require_kernel(major: u16, minor: u16) {
    let needed = KernelVersion::new(major, minor);
    if KernelVersion::running() < Some(needed) {
        skip(&format!(
            "requires Linux {needed}, but this is {}",
            kernel_release()
        ));
    }
}

/// Skips the test where the kernel does not describe its own types.
#[track_caller]
pub fn require_btf() {
    if !Path::new(VMLINUX).exists() {
        skip(&format!(
            "Linux {} was built without BTF (CONFIG_DEBUG_INFO_BTF)",
            kernel_release()
        ));
    }
}
