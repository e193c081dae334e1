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

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub(crate) type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    if record::is_lock() {
        return match (workloads::asked_for(), names::act()) {
            (Some(scenarios), _) => workloads::run(scenarios),
            (None, Some(code)) => code,
            (None, None) => lock::main(),
        };
    }
    let mut arguments = Arguments::from_args();
    // They measure time, and each other's waits would be in some of them.
    arguments.test_threads.get_or_insert(1);
    let trials = [truth::TRIALS, names::TRIALS, combinations::TRIALS]
        .into_iter()
        .flatten()
        .map(|&(name, test)| {
            Trial::ignorable_test(name, move || {
                // By its mark, `test --kernel` takes this program for one of its own.
                ebpf_test::require_btf();
                test()
            })
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
