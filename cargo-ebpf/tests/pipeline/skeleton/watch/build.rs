//! Embeds the programs, and generates their skeleton.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::embed("../watch-ebpf")
}
