//! What `lock` does not do, and says so.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
};

use libtest_mimic::{Completion, Failed};

use crate::{
    Test,
    expect::{expect_code, expect_stderr},
    process::{LOCK, lock},
};

/// The uid and gid of nobody, who has no rights at all.
pub(crate) const NOBODY: u32 = 65534;

/// On any machine.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    (
        "a_process_that_is_not_there_is_said",
        a_process_that_is_not_there_is_said,
    ),
    (
        "a_pid_and_a_command_are_wrong_usage",
        a_pid_and_a_command_are_wrong_usage,
    ),
    ("without_rights_it_says_so", without_rights_it_says_so),
];

fn a_process_that_is_not_there_is_said() -> Result<Completion, Failed> {
    // Above the largest number that a kernel can be set to (PID_MAX_LIMIT, 2^22).
    let output = lock(&["record", "--pid", "5000000"]).output()?;
    if String::from_utf8_lossy(&output.stderr).starts_with("error[object-stub]") {
        return Ok(Completion::ignored_with("built without the eBPF object"));
    }
    expect_code(&output, 1)?;
    expect_stderr(
        &output,
        "error[no-such-process]: there is no process 5000000",
    )?;
    Ok(Completion::Completed)
}

fn a_pid_and_a_command_are_wrong_usage() -> Result<Completion, Failed> {
    let output = lock(&["record", "--pid", "1", "--", "true"]).output()?;
    expect_code(&output, 2)?;
    Ok(Completion::Completed)
}

fn without_rights_it_says_so() -> Result<Completion, Failed> {
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
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return Ok(Completion::ignored_with(format!(
                "lock cannot be run as nobody: {error}"
            )));
        }
    };
    if String::from_utf8_lossy(&output.stderr).starts_with("error[object-stub]") {
        return Ok(Completion::ignored_with("built without the eBPF object"));
    }
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[no-rights]: recording needs CAP_BPF and")?;
    expect_stderr(&output, "fix: run it as root: `sudo /")?;
    Ok(Completion::Completed)
}

/// Refusals that are a matter of the machine, not of `lock`.
const REFUSALS: [&str; 4] = [
    "error[no-rights]",
    "error[no-kernel-btf]",
    "error[no-lock-tracepoints]",
    "error[object-stub]",
];

/// Why this machine cannot record, if so.
pub(crate) fn refusal() -> Option<String> {
    let output = lock(&["record", "--duration", "0.01"]).output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    REFUSALS
        .iter()
        .any(|refusal| stderr.starts_with(refusal))
        .then(|| stderr.lines().map(str::trim).collect::<Vec<_>>().join("; "))
}
