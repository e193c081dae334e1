//! Embeds the eBPF programs, built from `../lock-ebpf` or, in a package, prebuilt.

use std::env;

fn main() -> ebpf_build::Result<()> {
    if let Err(unsupported) = check_target() {
        println!("cargo::error={unsupported}");
        return Ok(());
    }
    ebpf_build::Embed::new("../lock-ebpf")
        .prebuilt("ebpf")
        .run()
}

/// Rejects targets on which `lock` would record nothing or something wrong: the programs read
/// registers and system calls of one architecture (`arch/`).
fn check_target() -> Result<(), String> {
    let of_target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let [os, arch, width] = ["OS", "ARCH", "POINTER_WIDTH"].map(of_target);
    if (os.as_str(), arch.as_str(), width.as_str()) == ("linux", "x86_64", "64") {
        return Ok(());
    }
    Err(format!(
        "lock records on Linux on x86-64 only, not on {os} on {arch} with pointers of {width} bits: \
         it would report no waits"
    ))
}
