//! What the verifier sees depends on what is asked for: programs are loaded with the most of
//! it, and with none.
use test_support::{Outcome, Test, tests};

use crate::record::lock;

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    loads_without_filters,
    loads_with_all_filters,
    loads_with_all_filters_and_all_stacks,
];

fn loads_without_filters() -> Outcome {
    loads(&["record"])
}

fn loads_with_all_filters() -> Outcome {
    loads(&filtered(&["record"]))
}

fn loads_with_all_filters_and_all_stacks() -> Outcome {
    loads(&filtered(&["record", "--exact", "--user-stacks", "all"]))
}

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

fn loads(arguments: &[&str]) -> Outcome {
    let output = lock()?
        .args(arguments)
        .args(["--duration", "0.01"])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{arguments:?}: {}: {stderr}", output.status).into())
}
