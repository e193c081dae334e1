//! Embeds the eBPF program.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::embed("../probe-ebpf")
}
