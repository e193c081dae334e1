//! How long a recording lasts: until the time is over, what is recorded has ended, or a
//! signal comes.

use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, getpgrp, kill_process, pidfd_open},
    stdio::stdin,
    termios::tcgetpgrp,
};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    error::{Error, Result},
    thread,
};

/// How long a command has to end each time that it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A child of this process ended, stopped or went on.
    Child,
    /// A signal that ends this process came.
    Signal(i32),
    /// The recorded process ended.
    ProcessEnded,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The time is over.
    Duration,
    /// A signal came.
    Signal(i32),
    /// The command ended by itself.
    Command(ExitStatus),
    /// The process ended.
    Process,
}

impl End {
    /// The same in one word, for a recording.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Signal(_) => "signal",
            Self::Command(_) => "command",
            Self::Process => "process",
        }
    }
}

/// What can end a recording.
#[derive(Debug)]
pub(crate) struct Session {
    events: Receiver<Event>,
    sender: Sender<Event>,
}

impl Session {
    /// Takes over the signals that end a process: from here on they end the recording.
    /// One that is ignored, as under nohup, stays so.
    pub(crate) fn begin() -> Result<Self> {
        let ending = [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|&signal| !is_ignored(signal));
        let mut signals = Signals::new(ending.chain([SIGCHLD])).map_err(|error| {
            Error::new("signals", "signal handlers could not be installed").because_of(&error)
        })?;
        let (sender, events) = mpsc::channel();
        let to_session = sender.clone();
        thread::start("signals", move || {
            for signal in signals.forever() {
                let event = match signal {
                    SIGCHLD => Event::Child,
                    other => Event::Signal(other),
                };
                if to_session.send(event).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { events, sender })
    }

    /// Also ends when a process does.
    pub(crate) fn watch(&self, pid: u32) -> Result<()> {
        let process = open_process(pid).map_err(|error| {
            Error::new("no-such-process", format!("process {pid} has just exited"))
                .because_of(&error)
        })?;
        let sender = self.sender.clone();
        thread::start("process", move || {
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            while poll(&mut ended, None).is_err() {}
            // Without a receiver there is nobody to tell.
            let _ = sender.send(Event::ProcessEnded);
        })?;
        Ok(())
    }

    /// Waits for the end, for `timeout` at most. None if there is none yet.
    pub(crate) fn wait(&self, timeout: Duration, mut command: Option<&mut Running>) -> Option<End> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            match self.next(deadline)? {
                Event::Signal(signal) => return Some(End::Signal(signal)),
                Event::ProcessEnded => return Some(End::Process),
                Event::Child => {
                    if let Some(status) = command.as_mut().and_then(|command| command.status()) {
                        return Some(End::Command(status));
                    }
                }
            }
        }
    }

    /// Has a command end that outlived the recording. Says whether it did.
    pub(crate) fn end_command(&self, command: &mut Running, why: End) -> bool {
        // Ctrl-C reaches the command too, if it comes from a terminal: asked twice, some
        // programs end without cleaning up.
        if why == End::Signal(SIGINT) && started_by_terminal() && self.await_end(command) {
            return true;
        }
        command.terminate();
        self.await_end(command)
    }

    /// Waits some seconds, or until the next signal, for a command to end. Says whether it
    /// did.
    fn await_end(&self, command: &mut Running) -> bool {
        let deadline = Instant::now().checked_add(GRACE);
        loop {
            if command.status().is_some() {
                return true;
            }
            match self.next(deadline) {
                Some(Event::Child | Event::ProcessEnded) => {}
                Some(Event::Signal(_)) | None => return false,
            }
        }
    }

    /// The next event; none at the deadline.
    fn next(&self, deadline: Option<Instant>) -> Option<Event> {
        let Some(deadline) = deadline else {
            return self.events.recv().ok();
        };
        // Nothing but a timeout: this session has a sender itself.
        self.events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .ok()
    }
}

/// Whether whoever started this process had it ignore a signal.
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: sigaction is plain data, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action, only the current one is written to the pointer.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Whether Ctrl-C on a terminal reaches this process's whole group.
fn started_by_terminal() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a command.
    pub(crate) fn start(program: &OsString, arguments: &[OsString]) -> Result<Self> {
        Self::spawn(program, Command::new(program).args(arguments))
    }

    /// Starts a command that gets no input and whose output nobody sees: the terminal is
    /// taken.
    pub(crate) fn start_silent(program: &OsString, arguments: &[OsString]) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self::spawn(program, &mut command)
    }

    fn spawn(program: &OsString, command: &mut Command) -> Result<Self> {
        match command.spawn() {
            Ok(child) => Ok(Self { child }),
            Err(error) => {
                let name = program.to_string_lossy();
                // The exit codes that shells give.
                let (code, exit_code) = match error.kind() {
                    io::ErrorKind::NotFound => ("command-not-found", 127),
                    _ => ("command-not-started", 126),
                };
                Err(Error::new(code, format!("could not start {name}"))
                    .because_of(&error)
                    .fix("check its name, PATH and permissions")
                    .exit_with(exit_code))
            }
        }
    }

    /// The command's status, once it has ended.
    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The command's process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn terminate(&mut self) {
        if self.status().is_some() {
            return;
        }
        // It has not been waited for, so that the number is still its own.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }
}

/// The exit code that a shell gives for a status.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn open_process(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
