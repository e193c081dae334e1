//! What is said of real programs: the hot lock is in the first row.

use std::path::Path;

use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use crate::{
    Test,
    expect::{expect, expect_code},
    process::{lock, report},
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    ("the_gil_is_first_in_python", || gil("python3")),
    ("the_gil_is_first_in_the_distributions_python", || {
        gil("/usr/bin/python3")
    }),
];

/// Three threads that compute, and one that has to answer: the GIL is what they wait for.
fn gil(python: &str) -> Result<Completion, Failed> {
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/examples/python-gil.py"
    );
    let version = std::process::Command::new(python)
        .args(["-c", "import sys; print(sys.version_info[:2] >= (3, 13))"])
        .output();
    match version {
        Err(_) => return Ok(Completion::ignored_with(format!("{python} is absent"))),
        Ok(output) if output.stdout.starts_with(b"True") => {
            return Ok(Completion::ignored_with(format!(
                "{python} is newer than 3.12"
            )));
        }
        Ok(_) => {}
    }
    let folder = tempfile::tempdir()?;
    let recording: &Path = &folder.path().join("gil.lock");
    let output = lock(&["record", "--output"])
        .arg(recording)
        .args(["--", python, program, "2"])
        .output()?;
    expect_code(&output, 0)?;
    let report = report(recording)?;
    let first = report.pointer("/ranking/rows/0").ok_or("no row")?;
    let label = first["label"].as_str().unwrap_or_default();
    expect(label.starts_with("GIL ("), || format!("{first:#}"))?;
    // Three threads at a time wait, nearly all of the time. Waits that time out are in it.
    let total = first.pointer("/figures/total_ns").or(first.get("total_ns"));
    let total = total.and_then(Value::as_u64).unwrap_or(0);
    expect(total > 3_000_000_000, || format!("{first:#}"))?;
    Ok(Completion::Completed)
}
