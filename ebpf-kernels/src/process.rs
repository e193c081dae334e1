//! How this crate starts programs: apt, the dynamic loader of an executable, and qemu.
//!
//! [`PlainSpawner`] starts them as they are. A program that announces what it runs, changes
//! the environment, or stops at Ctrl-C implements [`Spawn`].

use std::{
    fmt,
    fs::File,
    io::{self, Read as _, Seek as _},
    process::{ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use ebpf_base::{
    Error, Result,
    child::{self, Child},
    temporary,
};

use crate::code::Code;

/// Starts programs.
pub trait Spawn: fmt::Debug + Sync {
    /// Runs `command` to its end, and returns its output.
    ///
    /// # Errors
    /// When it cannot be started.
    fn output(&self, command: Command) -> Result<Output>;

    /// Starts `command`, whose output is read while it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, command: Command) -> Result<RunningProgram>;

    /// Called between two steps of long work.
    ///
    /// # Errors
    /// When the user has interrupted the work: it then ends with this error.
    fn check_interrupted(&self) -> Result<()> {
        Ok(())
    }
}

/// Starts programs with this process's environment, and an empty stdin.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainSpawner;

impl Spawn for PlainSpawner {
    fn output(&self, mut command: Command) -> Result<Output> {
        child::output(command.stdin(Stdio::null())).map_err(|cause| unstarted(&command, &cause))
    }

    fn start(&self, mut command: Command) -> Result<RunningProgram> {
        command.stdin(Stdio::null());
        RunningProgram::start(&mut command, temporary::unnamed_file()?)
            .map_err(|cause| unstarted(&command, &cause))
    }
}

fn unstarted(command: &Command, cause: &io::Error) -> Error {
    let program = command.get_program().to_string_lossy();
    Error::new(Code::Spawn, format!("failed to spawn `{program}`")).because(cause.to_string())
}

/// A program whose output is read while it runs. It ends with all that it started when this is
/// dropped, or this process ends.
#[derive(Debug)]
pub struct RunningProgram {
    child: Child,
    stderr: File,
}

impl RunningProgram {
    /// Starts `command`. Its stdout is for [`Self::output`], its stderr, which it writes to the
    /// file `stderr`, for [`Self::end`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command, stderr: File) -> io::Result<Self> {
        command.stdout(Stdio::piped()).stderr(stderr.try_clone()?);
        let child = child::spawn(command)?;
        Ok(Self { child, stderr })
    }

    /// Its stdin, if it was piped; none the second time.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its stdout; none the second time.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// For how long it has been kept from a CPU by others: see
    /// [`Child::run_queue_delay`](ebpf_base::child::Child::run_queue_delay).
    pub fn run_queue_delay(&self) -> Duration {
        self.child.run_queue_delay()
    }

    /// Ends it, and returns how it ended and what it printed on stderr.
    pub fn end(mut self) -> (Option<ExitStatus>, String) {
        // One that is about to exit reports more than one that is killed. On a busy machine, two
        // processes have to be scheduled for that: it, and its keeper.
        const GRACE: Duration = Duration::from_secs(2);
        let since = Instant::now();
        let mut status = None;
        while status.is_none() && since.elapsed() < GRACE {
            status = self.child.try_wait().ok().flatten();
            thread::sleep(Duration::from_millis(5));
        }
        let mut stderr = Vec::new();
        let _ = self.stderr.rewind();
        let _ = self.stderr.read_to_end(&mut stderr);
        (status, String::from_utf8_lossy(&stderr).trim().to_owned())
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.child.end();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_stderr_are_separate() {
        let mut program = PlainSpawner
            .start(shell("echo one; echo two >&2; exit 3"))
            .unwrap();
        let mut stdout = String::new();
        let mut output = program.output().unwrap();
        output.read_to_string(&mut stdout).unwrap();
        assert_eq!(stdout, "one\n");
        assert!(program.output().is_none());
        let (status, stderr) = program.end();
        assert_eq!(status.and_then(|status| status.code()), Some(3));
        assert_eq!(stderr, "two");
    }

    #[test]
    fn a_dropped_program_is_killed() {
        let mut program = PlainSpawner.start(shell("echo $$; exec sleep 60")).unwrap();
        let mut lines = BufReader::new(program.output().unwrap()).lines();
        let directory = format!("/proc/{}", lines.next().unwrap().unwrap());
        assert!(std::path::Path::new(&directory).exists());
        drop(program);
        assert!(!std::path::Path::new(&directory).exists());
    }
}
