//! The only place that starts programs: how they are announced, what they inherit,
//! and the error if they cannot be started.

use std::{
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Write as _},
    os::fd::AsFd as _,
    path::Path,
    process::{Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use ebpf_base::{
    child::{self, Child, ending},
    temporary,
};
use ebpf_build::{Error, Result};
use ebpf_kernels::process::{RunningProgram, Spawn};

use super::{cargo, environment, shell::command_line};

use crate::code::Code;

/// A program that is about to be run, with nothing on its stdin.
#[derive(Debug)]
pub(crate) struct Process {
    command: Command,
    announced: bool,
    time_limit: Option<Duration>,
    interrupted: fn() -> Result<()>,
}

/// Starts programs: whether they are announced, and what breaks them off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spawner {
    verbose: bool,
    interrupted: fn() -> Result<()>,
}

impl Default for Spawner {
    /// Announces nothing, and is never interrupted.
    fn default() -> Self {
        Self::new(false, || Ok(()))
    }
}

impl Spawner {
    /// One that prints each command line before it runs where `verbose`. `interrupted`
    /// gives the error that ends the work once the user has broken it off.
    pub(crate) fn new(verbose: bool, interrupted: fn() -> Result<()>) -> Self {
        Self {
            verbose,
            interrupted,
        }
    }

    /// Checks whether the user has interrupted the work.
    ///
    /// # Errors
    /// When that is so.
    pub(crate) fn check_interrupted(&self) -> Result<()> {
        (self.interrupted)()
    }

    /// `program` is a path, or a name that is looked up on PATH.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Process {
        self.command(Command::new(program))
    }

    /// For a command line that a library has put together.
    pub(crate) fn command(&self, mut command: Command) -> Process {
        environment::shed(&mut command);
        command.stdin(Stdio::null());
        self.process(command)
    }

    /// For a program that cargo would have started where it started us: what cargo says
    /// to us is meant for it.
    pub(crate) fn stand_in(&self, program: impl AsRef<OsStr>) -> Process {
        self.process(Command::new(program))
    }

    /// The cargo of the native side, see [`cargo::program`].
    pub(crate) fn cargo(&self) -> Process {
        self.program(cargo::program())
    }

    fn process(&self, command: Command) -> Process {
        Process {
            command,
            announced: self.verbose,
            time_limit: None,
            interrupted: self.interrupted,
        }
    }
}

impl Spawn for Spawner {
    fn output(&self, command: Command) -> Result<Output> {
        self.command(command).output()
    }

    fn start(&self, command: Command) -> Result<RunningProgram> {
        self.command(command).start()
    }

    fn check_interrupted(&self) -> Result<()> {
        self.check_interrupted()
    }
}

impl Process {
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Prints the command line before it runs, whether or not `--verbose` is given.
    pub(crate) fn announced(mut self) -> Self {
        self.announced = true;
        self
    }

    /// Ends the program, and with an error, once `limit` has passed.
    pub(crate) fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Runs it; all that it prints goes to our stderr.
    ///
    /// # Errors
    /// When it cannot be started, takes too long, or a signal came.
    pub(crate) fn run(mut self) -> Result<ExitStatus> {
        self.command.stdout(to_stderr()?);
        let mut child = self.spawn()?;
        let status = self.wait(&mut child)?;
        (self.interrupted)()?;
        Ok(status)
    }

    /// Runs it in the user's place: with her stdin, and `stdout` for its stdout. A
    /// signal is for the program to deal with, and its result is the result.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn hand_over(mut self, stdout: Destination) -> Result<ExitStatus> {
        self.command.stdin(Stdio::inherit());
        match stdout {
            Destination::Stdout => self.command.stdout(Stdio::inherit()),
            Destination::Stderr => self.command.stdout(to_stderr()?),
        };
        let mut child = self.spawn()?;
        self.wait(&mut child)
    }

    /// Runs it and takes what it prints.
    ///
    /// # Errors
    /// When it cannot be started, or a signal came.
    pub(crate) fn output(mut self) -> Result<Output> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn()?;
        let output = child
            .wait_with_output()
            .map_err(|cause| self.lost(&cause))?;
        (self.interrupted)()?;
        Ok(output)
    }

    /// Runs it and takes its stdout when it ends well.
    ///
    /// # Errors
    /// Also when it ends with another code than 0: what it said is then the cause.
    pub(crate) fn stdout(self) -> Result<String> {
        let line = self.line();
        let output = self.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(&line, output.status)
            .because(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Runs it and gives each line of its stdout to `each`, as it comes. Its stderr is
    /// ours.
    ///
    /// # Errors
    /// When it cannot be started, its output cannot be read, `each` fails, or a signal
    /// came.
    pub(crate) fn each_line(
        mut self,
        mut each: impl FnMut(&str) -> Result<()>,
    ) -> Result<ExitStatus> {
        self.command.stdout(Stdio::piped());
        let mut child = self.spawn()?;
        let read = child.stdout.take().map_or(Ok(()), |stdout| {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            while stdout
                .read_until(b'\n', &mut line)
                .map_err(|cause| self.lost(&cause))?
                > 0
            {
                // Tests print what they like, also what is no UTF-8.
                each(&String::from_utf8_lossy(&line))?;
                line.clear();
            }
            Ok(())
        });
        if read.is_err() {
            // Nobody reads on: without this it could wait for ever.
            child.end();
        }
        let status = self.wait(&mut child)?;
        (self.interrupted)()?;
        read.map(|()| status)
    }

    /// Starts it, for a caller that reads its output while it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(mut self) -> Result<RunningProgram> {
        self.announce()?;
        RunningProgram::start(&mut self.command, temporary::unnamed_file()?)
            .map_err(|cause| self.unspawned(&cause))
    }

    /// As [`Self::start`], with `input` as its stdin.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn exchange(mut self, input: Vec<u8>) -> Result<RunningProgram> {
        self.command.stdin(Stdio::piped());
        let mut program = self.start()?;
        if let Some(mut stdin) = program.input() {
            // It may write before it has read everything. One that ends early is recognised by
            // its output.
            super::thread::start("input", move || stdin.write_all(&input))?;
        }
        Ok(program)
    }

    /// The command line as one would type it.
    pub(crate) fn line(&self) -> String {
        command_line(std::iter::once(self.command.get_program()).chain(self.command.get_args()))
    }

    fn announce(&self) -> Result<()> {
        (self.interrupted)()?;
        if self.announced {
            // One that cannot be announced still runs.
            let _ = writeln!(anstream::stderr(), "$ {}", self.line());
        }
        Ok(())
    }

    fn spawn(&mut self) -> Result<Child> {
        self.announce()?;
        child::spawn(&mut self.command).map_err(|cause| self.unspawned(&cause))
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        let Some(limit) = self.time_limit else {
            return child.wait().map_err(|cause| self.lost(&cause));
        };
        let since = Instant::now();
        while since.elapsed() < limit {
            if let Some(status) = child.try_wait().map_err(|cause| self.lost(&cause))? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        child.end();
        Err(Error::new(
            Code::ProgramSlow,
            format!(
                "`{}` exceeded the time limit of {} s, and was killed",
                self.line(),
                limit.as_secs()
            ),
        ))
    }

    fn unspawned(&self, cause: &io::Error) -> Error {
        let program = Path::new(self.command.get_program());
        let error = Error::new(
            ebpf_build::Code::Spawn,
            format!("failed to spawn `{}`", self.line()),
        );
        if cause.kind() != io::ErrorKind::NotFound {
            return error.because(cause.to_string());
        }
        if let Some(folder) = self
            .command
            .get_current_dir()
            .filter(|folder| !folder.is_dir())
        {
            return error.because(format!("the directory {} does not exist", folder.display()));
        }
        let error = error.because(format!("{} is not on PATH", program.display()));
        if program.file_name() == Some("cargo".as_ref()) {
            error.fix("export PATH=\"$HOME/.cargo/bin:$PATH\", or install Rust")
        } else {
            error.fix(format!(
                "install {}, or add its directory to PATH",
                program.display()
            ))
        }
    }

    fn lost(&self, cause: &io::Error) -> Error {
        lost(&format!("`{}`", self.line()), cause)
    }
}

/// What `program` prints, or how it ends, cannot be read.
pub(crate) fn lost(program: &str, cause: &io::Error) -> Error {
    Error::new(
        Code::ProgramLost,
        format!(
            "could not read the output or the exit status of \
             {program}"
        ),
    )
    .because(cause.to_string())
}

/// The command `line` ended with `status`, an error.
pub(crate) fn failed(line: &str, status: ExitStatus) -> Error {
    Error::new(
        Code::ProgramFailed,
        format!("`{line}` ended with {}", ending(status)),
    )
}

/// Where a program's stdout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    Stderr,
}

fn to_stderr() -> Result<Stdio> {
    io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(Stdio::from)
        .map_err(|cause| Error::io("share", Path::new("stderr"), &cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(program: &str) -> Process {
        Spawner::default().program(program)
    }

    #[test]
    fn a_missing_program_is_named_with_a_fix() {
        let error = process("no-such-program").args(["a b"]).run().unwrap_err();
        assert_eq!(error.code(), "spawn");
        assert_eq!(
            error.finding().message,
            "failed to spawn `no-such-program 'a b'`"
        );
        assert!(error.finding().fix.is_some());
    }

    #[test]
    fn a_missing_folder_is_not_taken_for_a_missing_program() {
        let error = process("true")
            .current_dir("/no/such".as_ref())
            .run()
            .unwrap_err();
        assert!(
            error
                .finding()
                .cause
                .as_deref()
                .unwrap()
                .contains("/no/such")
        );
    }

    #[test]
    fn stdin_is_empty() {
        assert_eq!(process("cat").stdout().unwrap(), "");
    }

    #[test]
    fn a_failure_carries_what_was_said() {
        let error = process("sh")
            .args(["-c", "echo no luck >&2; exit 4"])
            .stdout()
            .unwrap_err();
        assert_eq!(error.finding().cause.as_deref(), Some("no luck"));
        assert!(error.finding().message.ends_with("exit code 4"));
    }

    #[test]
    fn lines_come_whole_also_without_a_last_newline() {
        let mut lines = Vec::new();
        let status = process("printf")
            .args(["a\\nb \\377\\nc"])
            .each_line(|line| {
                lines.push(line.to_owned());
                Ok(())
            })
            .unwrap();
        assert!(status.success());
        assert_eq!(lines, ["a\n", "b \u{fffd}\n", "c"]);
    }

    #[test]
    fn a_slow_program_is_ended() {
        let error = process("sleep")
            .args(["10"])
            .time_limit(Duration::from_millis(50))
            .run()
            .unwrap_err();
        assert_eq!(error.code(), "program-slow");
    }
}
