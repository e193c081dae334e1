//! `lock record`: the pipeline from programs to a report, or to a recording.

use std::{
    ffi::OsString,
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    cli,
    command::plan,
    error::{Error, Result},
    probe::plan::Plan,
    profile::snapshot::{Scope, Snapshot},
    session::{self, End, Running, Session},
    source::live::{self, Live, TICK},
};

/// How much time an interval of a recording covers.
const INTERVAL: Duration = Duration::from_secs(1);

/// Records, then reports.
pub(crate) fn run(arguments: cli::record::Record) -> Result<ExitCode> {
    let plan = plan::plan(&arguments.what)?;
    let (object, kernel) = live::prepare(&plan)?;
    let session = Session::begin()?;
    if let Scope::Process { pid } = plan.scope {
        session.watch(pid)?;
    }
    let live = Live::start(object, &kernel, &plan)?;
    let mut command = start(&arguments.what.command)?;
    let mut intervals = Vec::new();
    let (end, recorded) = record(
        live,
        &session,
        arguments.duration,
        command.as_mut(),
        |interval| {
            intervals.push(interval);
            Ok(())
        },
    );
    // Whatever became of the recording, the command is not left behind.
    let code = finish(&session, command, end);
    recorded?;
    for snapshot in &intervals {
        let snapshot: &Snapshot = snapshot;
        eprintln!(
            "{:?}\n{:?} own {}",
            snapshot.account, snapshot.hooks, snapshot.own_cpu_ns
        );
        let mut locks: Vec<_> = snapshot.locks.iter().collect();
        locks.sort_by_key(|l| std::cmp::Reverse(l.waits.total_ns));
        for l in locks.iter().take(8) {
            eprintln!(
                "{} {:?} {} {:?} n={} tot={} max={} rq={} spin={} to={} int={}",
                l.lock_type,
                l.identity,
                l.operation,
                l.name,
                l.waits.count,
                l.waits.total_ns,
                l.waits.max_ns,
                l.waits.runqueue_ns,
                l.waits.spin_ns,
                l.waits.timed_out,
                l.waits.interrupted
            );
        }
        let mut sites: Vec<_> = snapshot.sites.iter().collect();
        sites.sort_by_key(|l| std::cmp::Reverse(l.waits.wait_ns));
        for s in sites.iter().take(8) {
            eprintln!(
                "  {:?} {} {:?} {:?} {:?}",
                s.waits,
                snapshot.locks[s.lock.index()].lock_type,
                snapshot.stacks[s.stack.index()]
                    .kernel
                    .first()
                    .map(|f| snapshot.frames[f.index()].function.clone()),
                snapshot.threads[s.thread.index()],
                s.holder.map(|h| &snapshot.threads[h.thread.index()])
            );
        }
        eprintln!(
            "chains {:?}",
            snapshot.chains.iter().take(3).collect::<Vec<_>>()
        );
    }
    Ok(code)
}

/// Starts the command, if there is one.
pub(crate) fn start(words: &[OsString]) -> Result<Option<Running>> {
    words
        .split_first()
        .map(|(program, arguments)| Running::start(program, arguments))
        .transpose()
}

/// Records until the end, an interval after the other.
pub(crate) fn record(
    mut live: Live,
    session: &Session,
    duration: Option<Duration>,
    mut command: Option<&mut Running>,
    mut take: impl FnMut(Snapshot) -> Result<()>,
) -> (End, Result<()>) {
    let deadline = duration.and_then(|duration| Instant::now().checked_add(duration));
    let mut next = Instant::now() + INTERVAL;
    let end = loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break End::Duration;
        }
        let timeout = left.unwrap_or(TICK).min(TICK);
        if let Some(end) = session.wait(timeout, command.as_deref_mut()) {
            break end;
        }
        live.tick();
        if Instant::now() >= next {
            next += INTERVAL;
            if let Err(error) = live.interval().and_then(&mut take) {
                return (End::Duration, Err(error));
            }
        }
    };
    (end, live.finish().and_then(take))
}

/// Ends the command, if there is one, and tells how it ended.
pub(crate) fn finish(session: &Session, command: Option<Running>, end: End) -> ExitCode {
    if let End::Command(status) = end {
        if !status.success() {
            Error::new("command-failed", format!("the command ended with {status}")).tell();
        }
        return session::exit_code(status).into();
    }
    if let Some(mut command) = command
        && !session.end_command(&mut command, end)
    {
        let pid = command.pid();
        Error::new(
            "command-left",
            format!("the command is still running as process {pid}"),
        )
        .because("it did not end when it was asked to")
        .fix(format!("kill -KILL {pid}"))
        .tell();
    }
    ExitCode::SUCCESS
}
