//! `lock top`: what is waited for, on a terminal, as it happens.

use std::{
    process::ExitCode,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use crate::{
    cli::{report, top::Top},
    command::{plan, record},
    error::{Error, Result},
    privileges,
    profile::{feed::Feed, snapshot::Scope},
    session::{End, Running, Session},
    source::{
        live::{self, Live, TICK},
        replay,
    },
    thread,
    view::tui::{self, Start},
};

/// Shows a recording, or what happens now.
pub(crate) fn run(arguments: &Top) -> Result<ExitCode> {
    tui::check_terminal()?;
    let start = Start {
        by: arguments.by,
        sort: arguments.sort,
        idle: arguments.idle,
        replay: arguments.replay.is_some(),
    };
    match &arguments.replay {
        Some(path) => {
            run_with(replay::play(path, arguments.interval)?, start)?;
            Ok(ExitCode::SUCCESS)
        }
        None => run_live(arguments, start),
    }
}

/// Shows what a source gives until the reader has seen enough. Whoever ended it, and be it
/// a signal or a terminal that is gone, got what was asked for.
fn run_with(source: Receiver<Feed>, start: Start) -> Result<()> {
    tui::run(source, start).map(|_| ())
}

fn run_live(arguments: &Top, start: Start) -> Result<ExitCode> {
    let recorded = &arguments.recorded;
    let plan = plan::plan(recorded, report::all(&arguments.types))?;
    let (object, kernel) = live::prepare(&plan)?;
    let session = Session::begin()?;
    if let Scope::Process { pid } = plan.scope {
        session.watch(pid)?;
    }
    let live = Live::start(object, &kernel, &plan)?;
    let command = recorded
        .command
        .split_first()
        .map(|(program, arguments)| Running::start_silent(program, arguments))
        .transpose()?;
    privileges::give_up();
    let (sender, source) = mpsc::channel();
    // Dropped, this has the recorder stop.
    let (stop, stopped) = mpsc::channel();
    let recorder = Recorder {
        live,
        session,
        command,
        interval: arguments.interval,
    };
    // What names stacks cannot leave the thread that it was made in.
    let view = thread::start("view", move || {
        let shown = run_with(source, start);
        drop(stop);
        shown
    });
    // Without it, `stop` has been dropped, and the recorder stops at once.
    let (session, command, end) = recorder.run(&sender, &stopped);
    let shown = view.and_then(|view| {
        view.join().unwrap_or_else(|_| {
            Err(Error::new("view-failed", "the view ended unexpectedly")
                .fix("report this as a bug"))
        })
    });
    // Whatever was seen, the command is not left behind.
    let code = record::finish(&session, command, end);
    shown.map(|()| code)
}

/// What is never sent.
enum Never {}

/// Records while somebody watches.
struct Recorder {
    live: Live,
    session: Session,
    command: Option<Running>,
    interval: Duration,
}

impl Recorder {
    /// Gives an interval after the other until what is recorded ends, or nobody wants more.
    fn run(self, to: &Sender<Feed>, stopped: &Receiver<Never>) -> (Session, Option<Running>, End) {
        let Self {
            mut live,
            session,
            mut command,
            interval,
        } = self;
        let is_stopped = || {
            matches!(
                stopped.recv_timeout(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected)
            )
        };
        let mut next = Instant::now().checked_add(interval);
        let mut failed = None;
        let end = loop {
            if let Some(end) = session.wait(TICK, command.as_mut()) {
                break end;
            }
            if is_stopped() {
                break End::Duration;
            }
            live.tick();
            let now = Instant::now();
            if next.is_some_and(|next| now >= next) {
                // From now, should it be late: never two at once.
                next = now.checked_add(interval);
                match live.interval() {
                    Ok(snapshot) => give(to, Feed::Interval(Box::new(snapshot))),
                    Err(error) => {
                        failed = Some(error);
                        break End::Duration;
                    }
                }
            }
        };
        match (failed, live.finish()) {
            (None, Ok(last)) => {
                give(to, Feed::Interval(Box::new(last)));
                give(to, Feed::Ended(in_words(end)));
            }
            (Some(error), _) | (None, Err(error)) => give(to, Feed::Failed(error)),
        }
        (session, command, end)
    }
}

/// Sends the next update to the view, if it is still there.
fn give(to: &Sender<Feed>, feed: Feed) {
    // Without a receiver there is nobody to tell; the recorder is stopped then.
    let _ = to.send(feed);
}

fn in_words(end: End) -> String {
    match end {
        End::Duration => "stopped".to_owned(),
        End::Signal(_) => "stopped by a signal".to_owned(),
        End::Command(status) => format!("the command exited ({status})"),
        End::Process => "the process exited".to_owned(),
    }
}
