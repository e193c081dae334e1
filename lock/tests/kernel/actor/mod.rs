//! What tests record, where no scenario of `lock workload` does: this program itself, told so
//! by its environment.
//!
//! An actor tells what it is about to do in one line, waits for a line on stdin, and tells
//! what it did in another one. Both are JSON.

mod crates;
mod crowd;
mod futexes;
mod waiters;

use std::{
    env, io,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
};

use serde_json::Value;
use test_support::Failed;

use crate::expect::expect;

/// Whoever starts this program with it in the environment starts an actor of this name.
const ACTOR: &str = "LOCK_TEST_ACTOR";

/// Acts, if this process is to be an actor.
pub(crate) fn act() -> Option<ExitCode> {
    let name = env::var(ACTOR).ok()?;
    let acted = match name.as_str() {
        "waiters" => waiters::act(),
        "late-waiters" => waiters::act_late(),
        "waiters-at-once" => waiters::act_at_once(),
        "futexes" => futexes::act(),
        "crowd" => crowd::act(),
        "crates" => crates::act(),
        _ => Err(io::Error::other(format!("no actor {name}"))),
    };
    Some(match acted {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "actor {name}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// This program as an actor.
pub(crate) fn command(name: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env(ACTOR, name);
    Ok(command)
}

/// Tells a line.
fn tell(line: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Waits for the sign to begin; the end of stdin is one, too.
fn await_begin() -> io::Result<()> {
    io::stdin().lock().read_line(&mut String::new()).map(|_| ())
}

/// An actor that has said what it is going to do. It is killed when the test is over.
pub(crate) struct Actor {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// What it is going to do.
    pub(crate) plan: Value,
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Actor {
    pub(crate) fn start(name: &str) -> Result<Self, Failed> {
        let mut child = command(name)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut actor = Self {
            child,
            lines,
            plan: Value::Null,
        };
        actor.plan = actor.line()?;
        Ok(actor)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it begin.
    pub(crate) fn begin(&mut self) -> Result<(), Failed> {
        let mut stdin = self.child.stdin.take().ok_or("it has begun")?;
        Ok(stdin.write_all(b"\n")?)
    }

    /// The next line that it tells.
    pub(crate) fn line(&mut self) -> Result<Value, Failed> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        expect(!line.is_empty(), || {
            format!("the actor {:?} told no more", self.child)
        })?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Result<(), Failed> {
        let status = self.child.wait()?;
        expect(status.success(), || {
            format!("the actor ended with {status}")
        })
    }
}
