//! `lock` on the running kernel: programs are loaded and attached, and what they report
//! is held against what is known from elsewhere.
//!
//! Where the machine does not allow that (no root, no BTF, ...), tests are ignored.

mod accuracy;
mod actor;
mod attached;
mod calls;
mod capabilities;
mod crowds;
mod damage;
mod deadlock;
mod ending;
mod estimator;
mod expect;
mod filters;
mod followed;
mod machine;
mod names;
mod output;
mod perf;
mod primitives;
mod process;
mod programs;
mod recording;
mod rows;
mod truth;
mod usage_errors;

use std::process::ExitCode;

use test_support::{
    Need, Suite,
    machine::{CAPABILITIES, KERNEL_BTF, TOOLCHAIN},
};

/// What `lock record` needs.
const RECORDING: &[Need] = &[CAPABILITIES, KERNEL_BTF, TOOLCHAIN];

fn main() -> ExitCode {
    if let Some(code) = actor::act() {
        return code;
    }
    // They measure time, and each other's waits would be in some of them.
    let mut suite = Suite::new().one_at_a_time().needing(RECORDING);
    for tests in [
        accuracy::TESTS,
        estimator::TESTS,
        truth::TESTS,
        calls::TESTS,
        primitives::TESTS,
        deadlock::TESTS,
        perf::TESTS,
        filters::TESTS,
        followed::TESTS,
        ending::TESTS,
        recording::TESTS,
        output::TESTS,
        crowds::TESTS,
        machine::TESTS,
        capabilities::TESTS,
        programs::TESTS,
        names::TESTS,
    ] {
        suite = suite.tests(tests);
    }
    truth::add_scenarios(suite)
        .needing(&[])
        .tests(usage_errors::TESTS)
        .tests(damage::TESTS)
        .run()
}
