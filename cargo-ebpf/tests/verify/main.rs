//! `cargo ebpf verify` against the kernel that runs, with the objects in
//! `tests/verify/objects` (rebuilt by `tests/verify/rebuild.sh`).

mod accepted;
mod bad_input;
mod bpftool;
mod folder;
mod linked;
mod rejected;

use std::process::ExitCode;

use test_support::{
    Failed, Suite, Test,
    machine::{BPFTOOL, CAPABILITIES, KERNEL_BTF, MOUNT_NAMESPACE, ROOT, USER_NAMESPACE},
    tests,
};

use crate::folder::{Checked, Folder};

type InFolder = fn(&Folder) -> Checked;

const TESTS: &[Test<InFolder>] = tests![
    accepted::accepts_btf_maps_globals_and_calls: [CAPABILITIES],
    accepted::accepts_legacy_maps: [CAPABILITIES],
    accepted::accepts_an_object_without_btf: [CAPABILITIES],
    accepted::relocates_accesses_of_a_c_object: [CAPABILITIES],
    rejected::refuses_an_unchecked_packet_access: [CAPABILITIES],
    rejected::refuses_a_loop_without_end: [CAPABILITIES],
    rejected::shows_the_source_of_a_refusal: [CAPABILITIES],
    accepted::tells_a_failed_map_from_a_failed_program: [CAPABILITIES],
    accepted::loads_sections_that_aya_does_not_know: [CAPABILITIES],
    accepted::says_what_this_kernel_has_no_place_for: [CAPABILITIES],
    rejected::keeps_the_log_in_the_project: [CAPABILITIES],
    bad_input::lets_no_escape_sequence_through: [CAPABILITIES],
    bad_input::survives_every_damaged_object: [CAPABILITIES],
    accepted::is_quick: [CAPABILITIES],
    bad_input::as_nobody_says_that_rights_are_missing: [CAPABILITIES, ROOT],
    bad_input::in_a_user_namespace_rights_are_missing: [USER_NAMESPACE],
    bad_input::a_missing_directory_for_temporary_files_is_named,
    linked::links_what_libbpf_links: [CAPABILITIES, KERNEL_BTF],
    linked::verifies_what_the_loader_sets: [CAPABILITIES, KERNEL_BTF],
    linked::replaces_a_function_of_another_program: [CAPABILITIES, KERNEL_BTF],
    linked::each_loader_has_its_rules: [CAPABILITIES, KERNEL_BTF],
    linked::linked_objects_agree_with_bpftool: [CAPABILITIES, BPFTOOL, KERNEL_BTF],
    bpftool::bpftool_agrees: [CAPABILITIES, BPFTOOL],
    bpftool::bpftool_missing_is_one_sentence: [MOUNT_NAMESPACE],
    bad_input::what_is_no_object_is_said,
    bad_input::no_object_named_is_said,
];

fn main() -> ExitCode {
    Suite::new()
        .tests_with(TESTS, |run| {
            Folder::new()
                .and_then(|folder| run(&folder))
                .map_err(Failed::from)
        })
        .run()
}
