//! Makes the kernel types that the program declares relocatable.

fn main() -> ebpf_build::Result<()> {
    ebpf_build::relocatable()
}
