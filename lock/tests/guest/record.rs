//! Runs `lock` on `lock workload`, and gives what each of them said.

use std::{
    env, fs, io,
    process::{Command, Stdio},
};

use libtest_mimic::Failed;
use serde_json::Value;

/// Whoever starts this program with it in the environment starts `lock`. Its children
/// inherit it, so what `lock record` starts is `lock workload`.
const AS_LOCK: &str = "LOCK_TEST_AS_LOCK";

/// Whether this process is to be `lock`.
pub(crate) fn is_lock() -> bool {
    env::var_os(AS_LOCK).is_some()
}

/// What a recorded workload came to.
pub(crate) struct Recorded {
    /// What `lock record` said of it.
    pub(crate) report: Value,
    /// What it said of itself.
    pub(crate) truth: Value,
}

/// Records `lock workload` with these arguments.
pub(crate) fn workload(arguments: &[&str]) -> Result<Recorded, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let output = lock()?
        .args(["record", "--format", "json", "--output"])
        .arg(&file)
        .arg("--")
        .arg(env::current_exe()?)
        .args(["workload", "--format", "json"])
        .args(arguments)
        .output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {stderr}", output.status).into());
    }
    Ok(Recorded {
        report: serde_json::from_str(&fs::read_to_string(&file)?)?,
        truth: serde_json::from_slice(&output.stdout)?,
    })
}

/// Refusals that are a matter of the machine, not of `lock`.
const REFUSALS: [&str; 3] = [
    "error[no-rights]",
    "error[no-kernel-btf]",
    "error[object-stub]",
];

/// Why this machine cannot record, if so.
pub(crate) fn refusal() -> Option<String> {
    let record = lock().ok()?.args(["record", "--duration", "0.01"]).output();
    let stderr = String::from_utf8_lossy(&record.ok()?.stderr).into_owned();
    REFUSALS
        .iter()
        .any(|refusal| stderr.starts_with(refusal))
        .then(|| stderr.lines().map(str::trim).collect::<Vec<_>>().join("; "))
}

fn lock() -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env(AS_LOCK, "1").stdin(Stdio::null());
    Ok(command)
}

/// The number at a place in a document.
pub(crate) fn number(document: &Value, pointer: &str) -> Result<u64, Failed> {
    document
        .pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("no number {pointer} in {document:#}").into())
}
