//! `lock record`: the pipeline from programs to a report, or to a recording.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use ebpf_base::units::{plural, time};

use crate::{
    cli::{self, record::Record},
    command::{plan, report},
    error::{Error, Result},
    invocation,
    output::Output,
    privileges,
    profile::{
        group::{By, Filter, group},
        merge::Merger,
        snapshot::{Scope, Snapshot},
    },
    recording::{Destination, Writer},
    session::{self, End, Running, Session},
    source::live::{self, Live, TICK},
    view::Options,
};

/// How much time an interval of a recording covers.
const INTERVAL: Duration = Duration::from_secs(1);

/// Records, then reports.
pub(crate) fn run(arguments: cli::record::Record) -> Result<ExitCode> {
    let Record {
        recorded,
        duration,
        output,
        report_file,
        report,
    } = arguments;
    let report = Options::from(&report);
    let plan = plan::plan(&recorded, report.filter.types.clone())?;
    let (object, kernel) = live::prepare(&plan)?;
    let mut sink = match &output {
        Some(path) => Sink::File {
            destination: Destination::prepare(path)?,
            writer: None,
        },
        None => Sink::Report,
    };
    let output = Output::prepare(report_file)?;
    let session = Session::begin()?;
    if let Scope::Process { pid } = plan.scope {
        session.watch(pid)?;
    }
    let live = Live::start(object, &kernel, &plan)?;
    sink.begin()?;
    let mut command = start(&recorded.command)?;
    let mut merger = Merger::default();
    let (end, recorded) = record(live, &session, duration, command.as_mut(), |interval| {
        sink.take(&interval);
        merger.add(&interval);
        Ok(())
    });
    let whole = merger.finish();
    let reported = recorded.and_then(|()| sink.end(end, &whole, &report, &output));
    // Whatever became of the report, the command is not left behind.
    let code = finish(&session, command, end);
    match reported? {
        Written::AsAsked if code == ExitCode::SUCCESS => Ok(report::exit_code(&whole)),
        Written::AsAsked => Ok(code),
        // Scripts go on to what is not there, or is not whole.
        Written::Instead if code == ExitCode::SUCCESS => Ok(ExitCode::FAILURE),
        Written::Instead => Ok(code),
    }
}

/// What became of what was asked for.
enum Written {
    /// It is there.
    AsAsked,
    /// There is a report instead of a whole recording, and it was said why.
    Instead,
}

/// Where intervals go.
enum Sink {
    /// Into a report at the end.
    Report,
    /// The same, as the file that was asked for cannot be written any more.
    Instead,
    /// Into a file, while it can be written.
    File {
        destination: Destination,
        writer: Option<Writer<File>>,
    },
}

impl Sink {
    /// Creates the file.
    fn begin(&mut self) -> Result<()> {
        if let Self::File {
            destination,
            writer,
        } = self
        {
            *writer = Some(destination.create()?);
        }
        Ok(())
    }

    /// Writes an interval. When that fails, recording goes on, for a report at the end.
    fn take(&mut self, interval: &Snapshot) {
        if let Self::File {
            writer: Some(writer),
            ..
        } = self
            && let Err(error) = writer.interval(interval)
        {
            error.print();
            *self = Self::Instead;
        }
    }

    /// Ends the file, or else reports.
    fn end(
        self,
        end: End,
        whole: &Snapshot,
        options: &Options,
        output: &Output,
    ) -> Result<Written> {
        let written = match self {
            Self::File {
                destination,
                writer: Some(writer),
            } => {
                let length = writer.length();
                match writer.end(end.reason()) {
                    Ok(()) => {
                        tell(&destination, length, whole);
                        return Ok(Written::AsAsked);
                    }
                    Err(error) => error.print(),
                }
                Written::Instead
            }
            Self::File { writer: None, .. } | Self::Instead => Written::Instead,
            Self::Report => Written::AsAsked,
        };
        report::write(whole, options, output)?;
        if matches!(written, Written::AsAsked) {
            hint(output);
        }
        Ok(written)
    }
}

/// Tells a reader whose report was only shown how to keep what was recorded.
#[expect(
    clippy::print_stderr,
    reason = "stdout is for the report, and may be piped"
)]
fn hint(output: &Output) {
    if matches!(output, Output::Stdout) && io::stderr().is_terminal() {
        eprintln!(
            "hint: this recording was not saved. To group its waits in several ways, such as by \
             caller, holder or stack, record with -o FILE, then run `lock report FILE --by KEY`"
        );
    }
}

/// Says what was recorded.
#[expect(
    clippy::print_stderr,
    reason = "stdout is for the command that is recorded"
)]
fn tell(destination: &Destination, length: u64, whole: &Snapshot) {
    // The numbers of the report.
    let grouped = group(whole, By::Lock, &Filter::default());
    let idle = grouped
        .idle
        .iter()
        .fold(0_u64, |sum, aside| sum.saturating_add(aside.count));
    let idle = match idle {
        0 => String::new(),
        idle => format!(" and {}", plural(idle, "idle wait")),
    };
    let path = destination.path().display();
    // Only its owner can read the recording, who is root then.
    let lock = match env::var_os("SUDO_UID") {
        Some(_) => invocation::program_as_root(),
        None => "lock".to_owned(),
    };
    let quoted = invocation::quoted(&path.to_string());
    eprintln!(
        "{}{idle} in {}: {path} ({} KiB); show them with: {lock} report {quoted}",
        plural(grouped.total.count(), "wait"),
        time(whole.duration_ns),
        length.div_ceil(1024),
    );
}

/// Starts the command, if there is one. From then on, fewer privileges are needed.
pub(crate) fn start(words: &[OsString]) -> Result<Option<Running>> {
    let command = words
        .split_first()
        .map(|(program, arguments)| Running::start(program, arguments))
        .transpose();
    privileges::give_up();
    command
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
            Error::new("command-failed", format!("the command failed ({status})")).print();
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
        .because("it did not exit on SIGTERM")
        .fix(format!("kill -KILL {pid}"))
        .print();
    }
    ExitCode::SUCCESS
}
