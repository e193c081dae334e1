//! `verify --kernel` with real kernels in real guests, and with what goes wrong.

mod agreement;
mod bad_input;
mod budget;
mod ending;
mod helpers;
mod sandbox;
mod verdicts;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::sandbox::{no_guests, no_namespace, no_rights, no_root};

/// Gives the reason why a test cannot run here.
type Need = fn() -> Option<String>;
type Test = fn() -> Result<(), Failed>;

/// Every test by its path, and what it needs.
macro_rules! tests {
    ($($test:path $(, needs $($need:path),+)?;)+) => {
        vec![$((
            stringify!($test),
            &[$($($need as Need),+)?] as &'static [Need],
            $test as Test,
        )),+]
    };
}

fn tests() -> Vec<(&'static str, &'static [Need], Test)> {
    tests! {
        // The longest first.
        bad_input::what_never_comes_up_is_ended, needs no_guests;
        agreement::requirements_tell_what_kernels_do, needs no_rights, no_guests;
        agreement::every_helper_on_the_host, needs no_rights;
        agreement::every_helper_on_every_kernel, needs agreement::no_time, no_guests;
        verdicts::each_kernel_has_its_column, needs no_rights, no_guests;
        verdicts::every_refusal_of_a_kind_has_its_reason, needs no_rights, no_guests;
        verdicts::nobody_gets_the_same_verdicts, needs no_rights, no_root, no_guests;
        verdicts::two_runs_share_a_cache, needs no_guests;
        bad_input::what_is_no_image_is_said, needs no_guests;
        bad_input::an_image_that_is_cut_off_does_not_boot, needs no_guests;
        bad_input::too_little_memory_is_said, needs no_guests;
        bad_input::a_slow_program_is_ended_on_the_host, needs no_rights;
        bad_input::a_slow_program_is_ended_in_a_guest, needs no_guests;
        bad_input::without_qemu_setup_is_named, needs no_guests;
        bad_input::what_qemu_says_is_shown, needs no_guests;
        bad_input::a_full_disk_is_said, needs no_namespace, no_guests;
        bad_input::without_a_home_it_is_said, needs no_root, no_guests;
        ending::ctrl_c_leaves_nothing, needs no_guests;
        ending::sigterm_leaves_nothing, needs no_guests;
        ending::sigkill_leaves_no_guest, needs no_guests;
        budget::what_is_written_holds, needs no_rights;
        budget::growth_fails_worst_first, needs no_rights;
        budget::tolerances_are_settable, needs no_rights;
        budget::a_missing_or_broken_file_is_said, needs no_rights;
        budget::the_files_kernels_are_asked, needs no_rights, no_guests;
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let trials = tests().into_iter().map(|(name, needs, test)| {
        Trial::ignorable_test(name, move || match needs.iter().find_map(|need| need()) {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => test().map(|()| Completion::Completed),
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
