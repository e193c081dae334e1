//! Builds and embeds the eBPF program.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::embed("../exec-ebpf")
}
