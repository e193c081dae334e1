//! Embeds the eBPF programs.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::embed("../watch-ebpf")
}
