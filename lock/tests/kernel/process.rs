//! Processes that tests start: `lock`, and what it is to record.

use std::{
    fs,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::Failed;

use crate::expect::{expect, expect_code};

pub(crate) const LOCK: &str = env!("CARGO_BIN_EXE_lock");

pub(crate) fn lock(arguments: &[&str]) -> Command {
    let mut command = Command::new(LOCK);
    command.args(arguments).stdin(Stdio::null());
    // Tests may be run with some ignored, as in the background of a shell.
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        set_action(&mut command, signal, libc::SIG_DFL);
    }
    command
}

/// What a recording says.
pub(crate) fn report(recording: &Path) -> Result<Value, Failed> {
    report_with(recording, &[])
}

/// What a recording says, asked with further options.
pub(crate) fn report_with(recording: &Path, options: &[&str]) -> Result<Value, Failed> {
    let output = lock(&["report", "--format", "json"])
        .args(options)
        .arg(recording)
        .output()?;
    expect_code(&output, 0)?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Starts a command with a signal ignored or not.
pub(crate) fn set_action(command: &mut Command, signal: i32, action: libc::sighandler_t) {
    // SAFETY: `signal` is safe to call between fork and exec, and takes integers.
    unsafe {
        command.pre_exec(move || {
            libc::signal(signal, action);
            Ok(())
        });
    }
}

/// A program whose link the kernel tells of while it is attached.
const LINK: &str = "link_id:";

/// How many programs a recording of the whole system has, where the kernel tells of
/// releases: the six of `probe/load.rs`. Without `contended_release` (before Linux 7.2) it
/// is one less.
pub(crate) fn system_wide() -> usize {
    5 + usize::from(has_tracepoint("contended_release"))
}

/// One more follows the children of a process or a command.
pub(crate) fn filtered() -> usize {
    system_wide() + 1
}

/// Whether the kernel's types name a tracepoint.
fn has_tracepoint(name: &str) -> bool {
    // Some megabytes, which do not change.
    static TYPES: LazyLock<Vec<u8>> =
        LazyLock::new(|| fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default());
    let name = format!("btf_trace_{name}");
    TYPES
        .split(|&byte| byte == 0)
        .any(|string| string == name.as_bytes())
}

/// A process that is killed when the test is over.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failed> {
        Ok(Self(command.spawn()?))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: takes integers; the child has not been waited for.
        unsafe { libc::kill(self.pid() as i32, signal) };
    }

    /// Waits for the end and takes what was written.
    pub(crate) fn output(mut self) -> Result<Output, Failed> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_end(&mut stdout)?;
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_end(&mut stderr)?;
        }
        Ok(Output {
            status: self.0.wait()?,
            stdout,
            stderr,
        })
    }

    /// Values of a field in what the kernel tells about the process's descriptors.
    pub(crate) fn descriptors(&self, field: &str) -> Vec<u32> {
        let folder = format!("/proc/{}/fdinfo", self.pid());
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path()).ok())
            .filter_map(|info| {
                let value = info.lines().find_map(|line| line.strip_prefix(field))?;
                value.trim().parse().ok()
            })
            .collect()
    }

    /// How many of its programs are attached.
    pub(crate) fn attached(&self) -> usize {
        self.descriptors(LINK).len()
    }

    /// Waits until this many programs are attached.
    pub(crate) fn until_attached(&self, programs: usize) -> Result<(), Failed> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.attached() < programs {
            expect(Instant::now() < deadline, || {
                format!("{} of {programs} attached after 30 s", self.attached())
            })?;
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
