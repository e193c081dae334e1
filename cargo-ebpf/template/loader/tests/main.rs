//! Tests of the eBPF programs. `cargo ebpf test` runs them on this kernel, with
//! `--kernel 5.10,6.12` on others.

// modules

use project_name::OBJECT;

type Tested = Result<(), Box<dyn std::error::Error>>;

fn loaded() -> ebpf_test::Result<ebpf_test::Loaded> {
    ebpf_test::load(OBJECT)
}
