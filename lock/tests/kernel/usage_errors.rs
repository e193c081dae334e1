//! Requests that `lock` rejects, and the errors that it prints.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
};
use test_support::{Outcome, Test, machine::TOOLCHAIN, tests};

use crate::{
    expect::{expect_code, expect_stderr},
    process::{LOCK, lock},
};

/// The uid and gid of nobody, who has no capabilities.
pub(crate) const NOBODY: u32 = 65534;

/// On any machine for which `lock` was built whole.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    a_missing_process_is_an_error: [TOOLCHAIN],
    a_pid_and_a_command_are_wrong_usage,
    missing_capabilities_are_an_error: [TOOLCHAIN],
];

fn a_missing_process_is_an_error() -> Outcome {
    // Above the largest number that a kernel can be set to (PID_MAX_LIMIT, 2^22).
    let output = lock(&["record", "--pid", "5000000"]).output()?;
    expect_code(&output, 1)?;
    expect_stderr(
        &output,
        "error[no-such-process]: process 5000000 does not exist",
    )?;
    Ok(())
}

fn a_pid_and_a_command_are_wrong_usage() -> Outcome {
    let output = lock(&["record", "--pid", "1", "--", "true"]).output()?;
    expect_code(&output, 2)?;
    Ok(())
}

fn missing_capabilities_are_an_error() -> Outcome {
    // Nobody may not be allowed into the folder of the build.
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let copy = folder.path().join("lock");
    fs::copy(LOCK, &copy)?;
    let mut command = Command::new(&copy);
    command.args(["record", "--duration", "0.1"]);
    // SAFETY: has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output()?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[no-rights]: recording needs CAP_BPF and")?;
    expect_stderr(&output, "fix: run lock as root: `sudo /")?;
    Ok(())
}
