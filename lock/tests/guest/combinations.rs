//! What the verifier sees depends on what is asked for: programs are loaded with the most of
//! it, and with none.

use libtest_mimic::{Completion, Failed};

use crate::{
    Test,
    record::{lock, unless_refused},
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    ("loads_without_filters", || loads(&["record"])),
    ("loads_with_all_filters", || loads(&filtered(&["record"]))),
    ("loads_with_all_filters_and_all_stacks", || {
        loads(&filtered(&["record", "--exact", "--user-stacks", "all"]))
    }),
];

/// With a filter of each kind that these arguments lack.
fn filtered<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let filters = [
        "--pid",
        "1",
        "--tid",
        "1",
        "--comm",
        "init",
        "--cgroup",
        "/",
        "--cpu",
        "0",
        "--type",
        "user",
        "--type",
        "mutex",
        "--lock",
        "0x1000",
        "--min-wait",
        "1ms",
    ];
    arguments.iter().copied().chain(filters).collect()
}

fn loads(arguments: &[&str]) -> Result<Completion, Failed> {
    let output = lock()?
        .args(arguments)
        .args(["--duration", "0.01"])
        .output()?;
    if output.status.success() {
        return Ok(Completion::Completed);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    unless_refused(format!("{arguments:?}: {}: {stderr}", output.status).into())
}
