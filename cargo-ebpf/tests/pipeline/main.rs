//! The pipeline with the real toolchain, on projects that are not this one: they are made
//! in cargo's folder for tests, from the sources in `project/` and `skeleton/`.

mod builds;
mod by_hand;
mod embedding;
mod failures;
mod interruptions;
mod linkers;
mod other_eyes;
mod processes;
mod sandbox;
mod selection;
mod setup;
mod sharing;
mod skeletons;

use std::{process::ExitCode, sync::LazyLock};

use test_support::{
    Suite, Test,
    machine::{
        BPFTOOL, CAPABILITIES, DISTRIBUTION_TOOLCHAIN, FILE, KERNEL_BTF, LLVM_OBJDUMP,
        MOUNT_NAMESPACE, NETWORK_NAMESPACE, TOOLCHAIN,
    },
    tests,
};

use crate::sandbox::{PROJECT, Project};

const TESTS: &[Test<fn(&Project)>] = tests![
        builds::builds_and_inspects,
        builds::builds_only_what_changed,
        builds::profiles_of_a_native_build_change_nothing,
        builds::builds_inside_the_ebpf_crate,
        builds::the_kernel_accepts_the_object: [CAPABILITIES],
        builds::run_starts_the_loader_with_its_object: [CAPABILITIES],
        builds::a_compile_error_is_rustcs_own,
        builds::panic_code_is_named,
        builds::what_is_fine_is_there_beside_what_is_not,
        builds::legacy_maps_are_a_warning_until_denied,
        builds::a_crate_without_cargo_config_gets_every_flag,
        builds::a_missing_license_is_a_warning_until_denied,
        builds::builds_big_endian_for_an_old_instruction_set,
        failures::what_ebpf_does_not_have_is_at_its_line,
        selection::binaries_and_features_are_selected,
        sharing::several_crates_compile_core_once: [CAPABILITIES],
        linkers::a_linker_that_does_not_fit_is_passed_over,
        linkers::a_half_written_linker_is_not_used,
        setup::two_setups_at_once_build_once,
        setup::a_killed_setup_leaves_no_linker,
        setup::an_interrupted_setup_leaves_no_linker,
        setup::a_damaged_linker_is_built_anew,
        setup::what_cargo_says_of_a_full_disk_is_understood,
        setup::a_linker_that_was_built_wrong_is_not_kept,
        setup::a_full_disk_is_said: [MOUNT_NAMESPACE],
        setup::no_network_is_said: [NETWORK_NAMESPACE],
        interruptions::two_builds_at_once_both_succeed,
        interruptions::an_interrupted_build_leaves_the_old_object,
        interruptions::a_disk_that_fills_leaves_the_old_object: [MOUNT_NAMESPACE],
        embedding::without_a_linker_a_stub_is_embedded,
        embedding::an_edit_embeds_a_fresh_object,
        embedding::a_compile_error_fails_the_loader_too,
        skeletons::a_misspelt_name_does_not_compile,
        skeletons::a_stub_has_the_last_skeleton,
        skeletons::programs_maps_and_globals_work: [CAPABILITIES, KERNEL_BTF],
        by_hand::the_checklists_command_works_by_hand,
        by_hand::the_checklists_command_works_without_rustup: [DISTRIBUTION_TOOLCHAIN],
        other_eyes::file_says_what_inspect_says: [FILE],
        other_eyes::objdump_shows_rust_source: [LLVM_OBJDUMP],
        other_eyes::bpftool_accepts_the_object: [CAPABILITIES, BPFTOOL],
];

fn main() -> ExitCode {
    Suite::new()
        // They share one project.
        .one_at_a_time()
        .needing(&[TOOLCHAIN])
        .tests_with(TESTS, |run| {
            static OPEN: LazyLock<Project> = LazyLock::new(|| Project::open(&PROJECT));
            OPEN.restore();
            run(&OPEN);
            Ok(())
        })
        .run()
}
