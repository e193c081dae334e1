//! Locks of which the kernel has one each, by the names of its data.

use std::{env, fs, io, process::ExitCode, thread};

use serde_json::Value;
use test_support::{Outcome, Test, skip, tests};

use crate::{
    kernel::{Version, WAITS},
    record::{lock, report},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] =
    tests![a_lock_of_the_kernel_has_its_symbols_name];

/// The argument that has this program make and leave network namespaces.
const WORD: &str = "networks";

/// How many threads do, and how often.
const THREADS: usize = 4;
const TIMES: usize = 25;

/// Runs it, if it was started for that. To make a network namespace, and to take one apart, takes
/// `rtnl_mutex` for as long as the kernel waits for its other CPUs.
pub(crate) fn act() -> Option<ExitCode> {
    if env::args().nth(1).as_deref() != Some(WORD) {
        return None;
    }
    let threads: Vec<_> = (0..THREADS)
        .map(|_| thread::spawn(|| (0..TIMES).all(|_| new_network().is_ok())))
        .collect();
    let all = threads
        .into_iter()
        .all(|thread| thread.join().unwrap_or(false));
    Some(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn new_network() -> io::Result<()> {
    // SAFETY: takes flags; the thread gets a network of its own.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn a_lock_of_the_kernel_has_its_symbols_name() -> Outcome {
    if Version::running()? < WAITS {
        return Err(skip(
            "kernel-locks",
            "the kernel has no tracepoints of its locks",
        ));
    }
    let symbols = fs::read_to_string("/proc/kallsyms")?;
    let is_named = |line: &str| {
        let named = [" b ", " B ", " d ", " D "]
            .iter()
            .any(|kind| line.ends_with(&format!("{kind}rtnl_mutex")));
        named && !line.starts_with("0000000000000000")
    };
    if !symbols.lines().any(is_named) {
        return Err(skip(
            "kernel-symbols",
            "the kernel was built without CONFIG_KALLSYMS_ALL",
        ));
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recording");
    let output = lock()?
        .args(["record", "--output"])
        .arg(&file)
        .arg("--")
        .arg(env::current_exe()?)
        .arg(WORD)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let report: Value = report(&file)?;
    let rows = report["ranking"]["rows"].as_array().ok_or("no rows")?;
    if rows.iter().any(|row| row["label"] == "rtnl_mutex") {
        return Ok(());
    }
    Err(format!("no rtnl_mutex in {:#}", report["ranking"]).into())
}
