//! Runs `lock` on `lock workload`, and gives what each of them said.

use std::{
    env, io,
    path::Path,
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
    /// What `lock` says of it.
    pub(crate) report: Value,
    /// What it says of itself.
    pub(crate) truth: Value,
}

/// Records `lock workload` in this scenario, every wait with its stack.
pub(crate) fn workload(scenario: &str) -> Result<Recorded, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recording");
    let mut record = lock()?;
    record.args(["record", "--exact", "--output"]).arg(&file);
    record.arg("--").arg(env::current_exe()?);
    record.args(["workload", scenario, "--duration", "1", "--format", "json"]);
    Ok(Recorded {
        truth: document(&mut record)?,
        report: report(&file)?,
    })
}

fn report(recording: &Path) -> Result<Value, Failed> {
    document(
        lock()?
            .arg("report")
            .arg(recording)
            .args(["--format", "json"]),
    )
}

/// What a command that has to end well writes.
fn document(command: &mut Command) -> Result<Value, Failed> {
    let output = command.output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {stderr}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
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
