//! `lock record`: the pipeline from programs to report.

use std::{ffi::OsString, process::ExitCode, time::Duration};

use crate::{
    cli::{self, Format},
    error::{Error, Result},
    output::Output,
    probe::{attach::Attached, load, object, requirements},
    profile::{
        aggregate::aggregate,
        ranking::{Ranking, rank},
        snapshot::{Scope, Snapshot},
    },
    session::{self, End, Running, Session},
    source::live,
    view,
};

/// A validated request.
struct Request {
    scope: Scope,
    duration: Option<Duration>,
    command: Option<(OsString, Vec<OsString>)>,
    format: Format,
    output: Output,
}

impl Request {
    fn validate(arguments: cli::Record) -> Result<Self> {
        let cli::Record {
            duration,
            pid,
            output,
            format,
            command,
        } = arguments;
        let scope = match pid {
            Some(pid) => Scope::Process { pid },
            None if command.is_empty() => Scope::System,
            None => Scope::Command {
                command: command
                    .iter()
                    .map(|word| word.to_string_lossy().into_owned())
                    .collect(),
            },
        };
        if scope != Scope::System {
            requirements::check_pid_namespace()?;
        }
        if let Some(pid) = pid {
            requirements::check_process(pid)?;
        }
        let mut words = command.into_iter();
        Ok(Self {
            scope,
            duration,
            command: words.next().map(|program| (program, words.collect())),
            format,
            output: Output::prepare(output)?,
        })
    }
}

/// Records, then reports.
pub(crate) fn run(arguments: cli::Record) -> Result<ExitCode> {
    let object = object::embedded()?;
    let request = Request::validate(arguments)?;
    let types = requirements::check()?;
    let session = Session::begin()?;
    let loaded = load::load(object, &types, &request.scope)?;
    if let Scope::Process { pid } = request.scope {
        session.watch(pid)?;
    }

    let attached = loaded.attach()?;
    let mut command = request
        .command
        .as_ref()
        .map(|(program, arguments)| Running::start(program, arguments))
        .transpose()?;
    let end = session.wait(request.duration, command.as_mut());
    let reported = conclude(attached, request);
    // Whatever became of the report, the command is not left behind.
    let code = finish(&session, command, end);
    reported.map(|()| code)
}

/// Stops recording, then reports.
fn conclude(attached: Attached, request: Request) -> Result<()> {
    let detached = attached.detach()?;
    let snapshot = live::read(&detached, request.scope)?;
    drop(detached);
    let ranking = rank(aggregate(&snapshot));
    let text = report(&snapshot, &ranking, request.format, &request.output)?;
    request.output.write(&text)
}

fn report(
    snapshot: &Snapshot,
    ranking: &Ranking,
    format: Format,
    output: &Output,
) -> Result<String> {
    match format {
        Format::Human => Ok(view::table::report(snapshot, ranking, output.columns())),
        Format::Json => view::json::report(snapshot, ranking),
    }
}

/// Ends the command, if there is one, and tells how it ended.
fn finish(session: &Session, command: Option<Running>, end: End) -> ExitCode {
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
