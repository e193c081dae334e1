//! Builds and embeds the eBPF programs.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::embed("../project-name-ebpf")
}
