//! `lock` on every kernel: `cargo xtask test --kernel 5.10,6.1,...` boots each one and runs
//! this program there, and `cargo xtask test` runs it here.
//!
//! A guest has nothing but this program and its libraries, so it is `lock` as well: started
//! with a word in its environment, it does what `lock` does with its arguments.

mod kernel;
mod kernel_locks;
mod record;
mod report;
mod user_locks;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub(crate) type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    if record::is_lock() {
        return lock::main();
    }
    let mut arguments = Arguments::from_args();
    // They measure time, and each other's waits would be in some of them.
    arguments.test_threads.get_or_insert(1);
    let refusal = record::refusal();
    let trials = [kernel_locks::TRIALS, user_locks::TRIALS]
        .into_iter()
        .flatten()
        .map(|&(name, test)| {
            let refusal = refusal.clone();
            Trial::ignorable_test(name, move || {
                if let Some(reason) = refusal {
                    return Ok(Completion::ignored_with(reason));
                }
                // By its mark, `test --kernel` takes this program for one of its own.
                ebpf_test::require_btf();
                test()
            })
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
