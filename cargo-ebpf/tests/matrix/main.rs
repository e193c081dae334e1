//! `verify --kernel` with real kernels in real guests, and with what goes wrong.

mod agreement;
mod arm64;
mod bad_input;
mod budget;
mod ending;
mod helpers;
mod kfuncs;
mod sandbox;
mod verdicts;

use std::process::ExitCode;

use test_support::{
    Outcome, Suite, Test,
    machine::{ARM64_GUESTS, CAPABILITIES, GUESTS, MOUNT_NAMESPACE, ROOT, X86_64},
    tests,
};

const TESTS: &[Test<fn() -> Outcome>] = tests![
        // The longest first.
        bad_input::what_never_comes_up_is_ended: [GUESTS],
        arm64::each_architecture_has_its_column: [X86_64, ARM64_GUESTS, GUESTS],
        agreement::requirements_tell_what_kernels_do: [CAPABILITIES, GUESTS],
        agreement::every_helper_on_the_host: [CAPABILITIES],
        agreement::every_helper_on_every_kernel: [agreement::TIME, GUESTS],
        agreement::kfuncs_on_the_host: [CAPABILITIES],
        agreement::kfuncs_on_every_kernel: [agreement::TIME, CAPABILITIES, GUESTS],
        verdicts::each_kernel_has_its_column: [CAPABILITIES, GUESTS],
        verdicts::every_refusal_of_a_kind_has_its_reason: [CAPABILITIES, GUESTS],
        verdicts::nobody_gets_the_same_verdicts: [CAPABILITIES, ROOT, GUESTS],
        verdicts::two_runs_share_a_cache: [GUESTS],
        bad_input::what_is_no_image_is_said: [GUESTS],
        bad_input::an_image_that_is_cut_off_does_not_boot: [GUESTS],
        bad_input::too_little_memory_is_said: [GUESTS],
        bad_input::a_slow_program_is_ended_on_the_host: [CAPABILITIES],
        bad_input::a_slow_program_is_ended_in_a_guest: [GUESTS],
        bad_input::without_qemu_setup_is_named: [GUESTS],
        arm64::without_its_qemu_both_architectures_are_named: [X86_64],
        arm64::tests_are_for_this_machine: [X86_64],
        bad_input::what_qemu_says_is_shown: [GUESTS],
        bad_input::a_full_disk_is_said: [MOUNT_NAMESPACE, GUESTS],
        bad_input::without_a_home_it_is_said: [ROOT, GUESTS],
        ending::ctrl_c_leaves_nothing: [GUESTS],
        ending::sigterm_leaves_nothing: [GUESTS],
        ending::sigkill_leaves_nothing_for_long: [GUESTS],
        budget::what_is_written_holds: [CAPABILITIES],
        budget::growth_fails_worst_first: [CAPABILITIES],
        budget::tolerances_are_settable: [CAPABILITIES],
        budget::a_missing_or_broken_file_is_said: [CAPABILITIES],
        budget::the_files_kernels_are_asked: [CAPABILITIES, GUESTS],
];

fn main() -> ExitCode {
    Suite::new().tests(TESTS).run()
}
