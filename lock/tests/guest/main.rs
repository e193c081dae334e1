//! `lock` on every kernel: `cargo xtask test --kernel 5.10,6.1,...` boots each one and runs
//! this program there, and `cargo xtask test` runs it here.
//!
//! A guest has nothing but this program and its libraries, so it is `lock` as well: started
//! with a word in its environment, it does what `lock` does with its arguments. It may have no
//! processor of its own either: what takes its time there is to load the programs, so that a
//! test records as many workloads as it can at once.

mod combinations;
mod kernel;
mod names;
mod record;
mod report;
mod truth;
mod workloads;

use std::{path::Path, process::ExitCode};

use test_support::{
    Need, Suite,
    machine::{CAPABILITIES, KERNEL_BTF, TOOLCHAIN},
};

/// What `lock record` needs.
const RECORDING: &[Need] = &[CAPABILITIES, KERNEL_BTF, OBJECT];

/// The eBPF programs in this program. What is booted in a guest, where the sources are not,
/// was built with them.
const OBJECT: Need = Need {
    name: TOOLCHAIN.name,
    check: || match Path::new(env!("CARGO_MANIFEST_DIR")).exists() {
        true => (TOOLCHAIN.check)(),
        false => Ok(()),
    },
};

fn main() -> ExitCode {
    if record::is_lock() {
        return match (workloads::asked_for(), names::act()) {
            (Some(scenarios), _) => workloads::run(scenarios),
            (None, Some(code)) => code,
            (None, None) => lock::main(),
        };
    }
    // They measure time, and each other's waits would be in some of them.
    let mut suite = Suite::new().one_at_a_time().needing(RECORDING);
    for tests in [truth::TESTS, names::TESTS, combinations::TESTS] {
        suite = suite.tests_with(tests, |run| {
            // By its mark, `test --kernel` takes this program for one of its own.
            ebpf_test::require_btf();
            run()
        });
    }
    suite.run()
}
