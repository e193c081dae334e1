//! Embeds the eBPF programs, built from `../lock-ebpf` or, in a package, prebuilt.

use std::env;

fn main() -> ebpf_build::Result<()> {
    check_target();
    ebpf_build::Embed::new("../lock-ebpf")
        .prebuilt("ebpf")
        .run()
}

/// Fails the build for targets that `lock` would record nothing or something wrong on: the
/// programs read registers and system calls of one architecture (`arch/`).
fn check_target() {
    let of_target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let [os, arch, width] = ["OS", "ARCH", "POINTER_WIDTH"].map(of_target);
    if (os.as_str(), arch.as_str(), width.as_str()) != ("linux", "x86_64", "64") {
        println!(
            "cargo::error=lock records on Linux on x86-64 only, not on {os} on {arch} with pointers \
             of {width} bits: it would report no waits"
        );
    }
}
