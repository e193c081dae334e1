//! The command line as clap knows it: types and help texts, no behaviour.

mod completions;
pub(crate) mod diff;
pub(crate) mod doctor;
mod man;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod top;
mod values;

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::{completions::Completions, man::Man};
use crate::workload::scenario::Scenario;

/// Show which locks a program waits for, who has them, where, and for how long.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    propagate_version = true,
    after_help = "\
Examples:\n  \
sudo lock record -- make -j8                a command, from begin to end\n  \
sudo lock record --pid 4711 --duration 10   a process that runs already\n  \
sudo lock record --duration 10              everything on this machine\n  \
sudo lock record -o run.lock -- make -j8    kept in a file, for the next ones\n  \
lock report run.lock --by holder            who waited for whom\n  \
lock diff before.lock run.lock              what got worse\n  \
sudo lock top                               all of it live\n  \
lock help record                            all about one command\n\
\n\
Exit codes: 0 fine; 1 failed; 2 wrong usage; 126 or 127 the command could not start; else \
that of the command, 128 + N when signal N ended it."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trace waits for locks, of the kernel and of programs, then report or keep them
    ///
    /// Traces the whole system, or one process, or a command, always with the children
    /// that are started meanwhile. It ends when the duration is over, the process or the
    /// command ends, or on Ctrl-C, SIGTERM and SIGHUP; each way the report is printed.
    #[command(after_help = "\
A command shares the terminal with lock and gets its Ctrl-C too. When lock ends first (at \
--duration, SIGTERM or SIGHUP), the command gets SIGTERM and 5 seconds to end.\n\
\n\
Examples:\n  \
lock record --duration 5\n  \
lock record --pid 4711 --duration 10\n  \
lock record --by holder -- make -j8\n  \
lock record --output run.lock -- make -j8   to look at with lock report, top and diff")]
    Record(Box<record::Record>),
    /// Show the waits for locks as they happen, on a terminal
    ///
    /// Ranks locks by the time that was waited for them, in the last interval or since the
    /// start, and goes from a lock to those who wait, those who have it, and their stacks.
    /// The key ? tells the keys.
    #[command(after_help = "\
A command gets no input here, and its output is thrown away: the terminal is taken. It is \
asked to end when lock ends.\n\
\n\
Examples:\n  \
lock top\n  \
lock top -- sh -c 'make -j8 >make.log 2>&1'\n  \
lock top --pid 4711 --by caller\n  \
lock top --replay recording.lock")]
    Top(top::Top),
    /// Show a recording: by lock, caller, stack, thread and more, as table, JSON, CSV, ...
    ///
    /// Rows by lock, address and type are exact: every wait was counted. All others are
    /// estimated from the waits that were sampled, and come with their error.
    #[command(after_help = "\
Examples:\n  \
lock report run.lock\n  \
lock report run.lock --sort p99 --top 10\n  \
lock report run.lock --by holder --type mutex\n  \
lock report run.lock --by stack --stack ext4_\n  \
lock report run.lock --format json --output locks.json")]
    Report(report::Report),
    /// Compare two recordings: what got worse, and what may be chance
    ///
    /// Compares the wait in each second, row by row. The noise of each recording is told by
    /// the spread over its intervals, so that each should have 10 or more.
    #[command(after_help = "\
The exit code is 0 whatever is found, unless --fail-on-worse is given.\n\
\n\
Examples:\n  \
lock diff before.lock after.lock\n  \
lock diff --by type --fail-on-worse=20 main.lock branch.lock")]
    Diff(diff::Diff),
    /// Tell what this machine and its kernel offer for recording
    ///
    /// Looks at rights, hooks, names and namespaces, item by item, and loads all programs
    /// without attaching any. What is amiss comes with what mends it.
    #[command(after_help = "\
The exit code is 0 if lock can record here, else 1.\n\
\n\
Examples:\n  \
sudo lock doctor\n  \
lock doctor                                 what works without root\n  \
sudo lock doctor --max-locks 100000         how much memory that takes")]
    Doctor(doctor::Doctor),
    /// Make lock contention whose truth is known, and print it
    ///
    /// In most scenarios one thread holds a lock for some milliseconds in each round, and
    /// every other waits for it once. Each measures its own waits: the kernel's count of a
    /// thread's switches says whether a call waited.
    #[command(after_help = "\
Examples:\n  \
lock record -- lock workload --duration 2\n  \
lock workload --list\n  \
lock record -- lock workload rust-mutex --waiters 8 --hold 500us")]
    Workload(Workload),
    /// Write a script that has a shell complete command lines of lock
    #[command(after_help = "\
Examples:\n  \
lock completions bash > ~/.local/share/bash-completion/completions/lock\n  \
lock completions zsh > ~/.zfunc/_lock\n  \
lock completions fish > ~/.config/fish/completions/lock.fish")]
    Completions(Completions),
    /// Write the manual as a man page
    #[command(after_help = "\
Examples:\n  \
lock man | man -l -\n  \
lock man --dir /usr/local/share/man/man1")]
    Man(Man),
}

/// Arguments of `workload`.
#[derive(Debug, Args)]
pub(crate) struct Workload {
    /// Which contention: one of those that --list shows
    #[arg(value_name = "SCENARIO", value_parser = values::scenario(),
          default_value = "file-position", hide_possible_values = true)]
    pub(crate) scenario: Scenario,
    /// List the scenarios and end
    #[arg(long)]
    pub(crate) list: bool,
    /// End after this many seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, default_value = "5")]
    pub(crate) duration: Duration,
    /// How many threads wait in each round
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) waiters: u32,
    /// About how long the lock is held in each round: 10 (milliseconds), 50us, 2ms or 1s
    ///
    /// By default that which suits the scenario, mostly 10 ms.
    #[arg(long, value_name = "TIME", value_parser = hold)]
    pub(crate) hold: Option<Duration>,
    /// How the truth is written: for people, or as one JSON document
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text and tables
    Human,
    /// One versioned JSON document
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if seconds <= 0.0 {
        return Err("must be more than 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A time with its unit: `500us`, `10ms`, `1.5s`; without one, milliseconds.
fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))
        .unwrap_or((text, 1e-3));
    let number: f64 = number
        .trim_end()
        .parse()
        .map_err(|_| "not a time, such as 500us, 10ms or 1s")?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

/// A time to hold a lock: from 1 us to 1 s.
fn hold(text: &str) -> Result<Duration, String> {
    let hold = time(text)?;
    if !(Duration::from_micros(1)..=Duration::from_secs(1)).contains(&hold) {
        return Err("must be from 1us to 1s".to_owned());
    }
    Ok(hold)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, hold, seconds};

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help() {
        let mut lock = Cli::command().term_width(80);
        lock.build();
        insta::assert_snapshot!("help_lock", lock.render_long_help());
        // That of `help` is clap's own.
        for command in lock
            .get_subcommands_mut()
            .filter(|c| c.get_name() != "help")
        {
            let name = format!("help_{}", command.get_name());
            insta::assert_snapshot!(name, command.render_long_help());
        }
    }

    #[test]
    fn help_tells_all_about_a_command() {
        let error = Cli::try_parse_from(["lock", "help", "record"]).expect_err("help");
        assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp);
        assert!(error.to_string().contains("--duration"));
    }

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "nan", "inf", "1e300", "", "5s"] {
            seconds(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_lock_is_held_for_milliseconds_or_the_unit_given() {
        for (text, micros) in [
            ("10", 10_000),
            ("50us", 50),
            ("1.5ms", 1500),
            ("1s", 1_000_000),
        ] {
            assert_eq!(hold(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for wrong in ["0", "-1", "nan", "2s", "", "5m", "ms", "0.1us"] {
            hold(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_pid_and_a_command_exclude_each_other() {
        let error = Cli::try_parse_from(["lock", "record", "--pid", "1", "--", "true"])
            .expect_err("wrong usage");
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
        assert_eq!(error.exit_code(), 2);
    }
}
