//! `lock` on the running kernel: programs are loaded and attached, and what they report
//! is held against what is known from elsewhere.
//!
//! Where they cannot be loaded (no root, no BTF, ...) tests show as ignored, with the
//! sentence that `lock` itself gives for it.

mod accuracy;
mod actor;
mod attached;
mod crowds;
mod damage;
mod ending;
mod estimator;
mod expect;
mod filters;
mod followed;
mod machine;
mod output;
mod perf;
mod process;
mod programs;
mod recording;
mod refusal;
mod rights;
mod rows;
mod truth;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub(crate) type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    if let Some(code) = actor::act() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    // They measure time, and each other's waits would be in some of them.
    arguments.test_threads.get_or_insert(1);
    let on_kernel = [
        accuracy::TRIALS,
        estimator::TRIALS,
        truth::TRIALS,
        perf::TRIALS,
        filters::TRIALS,
        followed::TRIALS,
        ending::TRIALS,
        recording::TRIALS,
        output::TRIALS,
        crowds::TRIALS,
        machine::TRIALS,
        rights::TRIALS,
        programs::TRIALS,
    ];
    let refusal = refusal::refusal();
    let trials = on_kernel
        .into_iter()
        .flatten()
        .map(|&(name, test)| {
            let refusal = refusal.clone();
            Trial::ignorable_test(name, move || match refusal {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => test(),
            })
        })
        .chain(
            refusal::TRIALS
                .iter()
                .chain(damage::TRIALS)
                .map(|&(name, test)| Trial::ignorable_test(name, test)),
        )
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
