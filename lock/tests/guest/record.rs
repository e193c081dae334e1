//! Runs `lock`, and gives what it said.

use std::{
    env, io,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use test_support::Failed;

use crate::workloads;

/// Whoever starts this program with it in the environment starts `lock`. Its children
/// inherit it, so what `lock record` starts is `lock workload`.
const AS_LOCK: &str = "LOCK_TEST_AS_LOCK";

/// Whether this process is to be `lock`.
pub(crate) fn is_lock() -> bool {
    env::var_os(AS_LOCK).is_some()
}

/// What recorded workloads came to.
pub(crate) struct Recorded {
    /// What `lock` says of them.
    pub(crate) report: Value,
    /// What each says of itself, with its process.
    pub(crate) truths: Vec<Value>,
}

/// Records `lock workload` in each of these scenarios, every wait with its stack.
pub(crate) fn workloads(scenarios: &[&str]) -> Result<Recorded, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recording");
    let mut record = lock()?;
    record.args(["record", "--exact", "--output"]).arg(&file);
    record.arg("--").arg(env::current_exe()?);
    record.arg(workloads::WORD).args(scenarios);
    let (_, truths) = document(&mut record)?;
    let Value::Array(truths) = truths else {
        return Err(format!("no list of truths: {truths:#}").into());
    };
    Ok(Recorded {
        report: report(&file)?,
        truths,
    })
}

pub(crate) fn report(recording: &Path) -> Result<Value, Failed> {
    let mut report = lock()?;
    report.arg("report").arg(recording);
    Ok(document(report.args(["--format", "json"]))?.1)
}

/// The process of a command that has to end well, and what it writes.
pub(crate) fn document(command: &mut Command) -> Result<(u32, Value), Failed> {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let process = child.id();
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {stderr}", output.status).into());
    }
    Ok((process, serde_json::from_slice(&output.stdout)?))
}

/// `lock`, to be given arguments.
pub(crate) fn lock() -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env(AS_LOCK, "1").stdin(Stdio::null());
    Ok(command)
}
