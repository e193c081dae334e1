//! Embeds the eBPF programs, built from `../lock-ebpf` or, in a package, prebuilt.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::Embed::new("../lock-ebpf")
        .prebuilt("ebpf")
        .run()
}
