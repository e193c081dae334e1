//! The pipeline with the real toolchain, on a project that is not this one: it is made
//! in cargo's folder for tests, from the sources in `project/`.

mod builds;
mod by_hand;
mod embedding;
mod interruptions;
mod linkers;
mod other_eyes;
mod processes;
mod sandbox;
mod setup;

use std::{fs, process::Command, sync::LazyLock};

use libtest_mimic::{Arguments, Completion, Trial};

use crate::sandbox::Project;

/// Gives the reason why a test cannot run here.
type Need = fn() -> Option<String>;
type Test = fn(&Project);

/// Every test by its path, and what it needs beside the toolchain.
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
        builds::builds_and_inspects;
        builds::builds_only_what_changed;
        builds::profiles_of_a_native_build_change_nothing;
        builds::builds_inside_the_ebpf_crate;
        builds::the_kernel_accepts_the_object, needs rights;
        builds::run_starts_the_loader_with_its_object, needs rights;
        builds::a_compile_error_is_rustcs_own;
        builds::panic_code_is_named;
        builds::legacy_maps_are_a_warning_until_denied;
        builds::a_crate_without_cargo_config_gets_every_flag;
        builds::a_missing_license_is_named;
        builds::builds_big_endian_for_an_old_instruction_set;
        linkers::a_linker_that_does_not_fit_is_passed_over;
        linkers::a_half_written_linker_is_not_used;
        setup::two_setups_at_once_build_once;
        setup::a_killed_setup_leaves_no_linker;
        setup::an_interrupted_setup_leaves_no_linker;
        setup::a_damaged_linker_is_built_anew;
        setup::what_cargo_says_of_a_full_disk_is_understood;
        setup::a_linker_that_was_built_wrong_is_not_kept;
        setup::a_full_disk_is_said, needs mount_namespace;
        setup::no_network_is_said, needs network_namespace;
        interruptions::two_builds_at_once_both_succeed;
        interruptions::an_interrupted_build_leaves_the_old_object;
        interruptions::a_disk_that_fills_leaves_the_old_object, needs mount_namespace;
        embedding::without_a_linker_a_stub_is_embedded;
        embedding::an_edit_embeds_a_fresh_object;
        embedding::a_compile_error_fails_the_loader_too;
        by_hand::the_seeds_command_works_by_hand;
        by_hand::the_seeds_command_works_without_rustup, needs by_hand::toolchain_is_rustups;
        other_eyes::file_says_what_inspect_says, needs no_file;
        other_eyes::objdump_shows_rust_source, needs other_eyes::lacks_objdump;
        other_eyes::bpftool_accepts_the_object, needs rights, no_bpftool;
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // They share one project.
    arguments.test_threads = Some(1);
    let trials = tests().into_iter().map(|(name, needs, test)| {
        Trial::ignorable_test(name, move || {
            if let Err(reason) = sandbox::tools() {
                return Ok(Completion::ignored_with(reason));
            }
            if let Some(reason) = needs.iter().find_map(|need| need()) {
                return Ok(Completion::ignored_with(reason));
            }
            static PROJECT: LazyLock<Project> = LazyLock::new(Project::open);
            PROJECT.restore();
            test(&PROJECT);
            Ok(Completion::Completed)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn rights() -> Option<String> {
    const SYS_ADMIN: u32 = 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0);
    (effective >> SYS_ADMIN & 1 == 0)
        .then(|| "loading BPF programs needs CAP_SYS_ADMIN; run as root".to_owned())
}

fn mount_namespace() -> Option<String> {
    namespace("--mount", "mount -t tmpfs none /mnt")
}

fn network_namespace() -> Option<String> {
    namespace("--net", "true")
}

fn namespace(kind: &str, tried: &str) -> Option<String> {
    match Command::new("unshare")
        .args([kind, "sh", "-c", tried])
        .output()
    {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "no namespace ({kind}): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(cause) => Some(format!("no unshare: {cause}")),
    }
}

fn no_file() -> Option<String> {
    other_eyes::lacks("file")
}

fn no_bpftool() -> Option<String> {
    other_eyes::lacks("bpftool")
}
