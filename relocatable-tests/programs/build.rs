//! Makes the kernel types that the programs declare relocatable.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::relocatable()
}
